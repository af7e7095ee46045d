// Files of an index folder on disk: hashed, read whole, written aside and swapped in.
import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { errors } from '../errors.ts'
import type { FileManifest } from './format.ts'

const CHUNK_BYTES = 1 << 22

export async function hashFile (path: string): Promise<FileManifest> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES }) as AsyncIterable<Buffer>) {
    hash.update(chunk)
    bytes += chunk.length
  }
  return { sha256: hash.digest('hex'), bytes }
}

/** Reads a file into one buffer of its own, hashing on the way: no second copy. */
export async function readHashed (path: string, bytes: number): Promise<{ buffer: ArrayBuffer, sha256: string }> {
  const file = await open(path)
  try {
    const buffer = new ArrayBuffer(bytes)
    const hash = createHash('sha256')
    for (let at = 0; at < bytes;) {
      const { bytesRead } = await file.read(new Uint8Array(buffer, at, Math.min(CHUNK_BYTES, bytes - at)), 0, undefined, at)
      if (bytesRead === 0) break
      hash.update(new Uint8Array(buffer, at, bytesRead))
      at += bytesRead
    }
    return { buffer, sha256: hash.digest('hex') }
  } finally {
    await file.close()
  }
}

/** Where the old index stands between the two renames of a swap. */
function asidePath (dir: string): string {
  return join(dirname(resolve(dir)), `.${basename(resolve(dir))}.old`)
}

/** The folder to read for index `dir`: itself or, where a swap was cut between its two renames, the old one aside. */
export async function readableFolder (dir: string): Promise<string> {
  return await exists(dir) || !await exists(asidePath(dir)) ? dir : asidePath(dir)
}

/**
 * Lets `write` fill a new folder beside `dir`, flushes it to disk and puts it in place of `dir`. Whatever happens, and
 * whenever the process dies, the old index or the new one is whole.
 *
 * @throws VEL_ERR_INDEX where the disk is full or may not be written; `dir` is untouched then.
 */
export async function replaceFolder (dir: string, write: (folder: string) => Promise<void>): Promise<void> {
  const target = resolve(dir)
  const aside = asidePath(dir)
  const folder = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}.new`)
  try {
    await mkdir(folder, { recursive: true })
    await write(folder)
    for (const name of await readdir(folder)) await flush(join(folder, name))
    await flush(folder)
    if (await exists(target)) {
      await rm(aside, { recursive: true, force: true })
      await rename(target, aside)
    }
    await rename(folder, target)
    await flush(dirname(target))
    await rm(aside, { recursive: true, force: true })
  } catch (error) {
    await rm(folder, { recursive: true, force: true }).catch(() => {})
    throw writeError(dir, error)
  }
}

/** A system error as one sentence; other errors as they are. */
export function writeError (dir: string, error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException
  const advice: Record<string, string> = {
    ENOSPC: 'free some space and run the command again',
    EDQUOT: 'free some space and run the command again',
    EROFS: 'choose a folder on a file system that can be written',
    EACCES: 'choose a folder that you may write, or change its permissions',
    EPERM: 'choose a folder that you may write, or change its permissions',
    ENOTDIR: 'choose a path whose parents are folders'
  }
  return code !== undefined && advice[code] !== undefined ? errors.index(dir, 'a place that can be written', `${message}; ${advice[code]}; an index that was there is untouched`) : error
}

async function flush (path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

async function exists (path: string): Promise<boolean> {
  return await stat(path).then(() => true, () => false)
}
