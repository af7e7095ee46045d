// Files of an index folder on disk: hashed, read whole, written aside and swapped in.
import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { errors } from '../../errors.ts'
import type { FileManifest } from './manifest.ts'

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

/** Fills `into` from a file, hashing on the way: no second copy. @returns the sha256, hex; of fewer bytes where the file is short. */
export async function readHashed (path: string, into: Uint8Array): Promise<string> {
  const file = await open(path)
  try {
    const hash = createHash('sha256')
    for (let at = 0; at < into.length;) {
      const { bytesRead } = await file.read(into, at, Math.min(CHUNK_BYTES, into.length - at), at)
      if (bytesRead === 0) break
      hash.update(into.subarray(at, at + bytesRead))
      at += bytesRead
    }
    return hash.digest('hex')
  } finally {
    await file.close()
  }
}

/** A hidden neighbour of index folder `dir`: its lock, its work file, or another state of it. */
export function siblingPath (dir: string, ending: string): string {
  return join(dirname(resolve(dir)), `.${basename(resolve(dir))}.${ending}`)
}

/** Where the old index stands between the two renames of a swap. */
function asidePath (dir: string): string {
  return siblingPath(dir, 'old')
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
  const folder = siblingPath(dir, `${randomBytes(6).toString('hex')}.new`)
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

/** Deletes new folders of `dir` that a process did not live to put in place. Only for who holds the index's lock. */
export async function removeUnfinished (dir: string): Promise<void> {
  const target = resolve(dir)
  const prefix = `.${basename(target)}.`
  for (const name of await readdir(dirname(target))) {
    if (name.startsWith(prefix) && /^[0-9a-f]{12}\.new$/.test(name.slice(prefix.length))) await rm(join(dirname(target), name), { recursive: true })
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

/** Waits until a file or a folder's list of names is on the disk. */
export async function flush (path: string): Promise<void> {
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
