// Files of an index folder on disk: hashed, read whole, and replaced as a folder by renaming.
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { errors } from '../../errors.ts'
import { diskError, sha256File, syncFile, syncFolder } from '../../files.ts'
import type { FileManifest } from './manifest.ts'

const CHUNK_BYTES = 1 << 22

export async function hashFile (path: string): Promise<FileManifest> {
  return { sha256: await sha256File(path), bytes: (await stat(path)).size }
}

/** Fills `into` from a file and hashes it in the same pass. @returns the sha256, hex; of fewer bytes where the file is short. */
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

/** Where the old index is between the two renames of a swap. */
export function oldPath (dir: string): string {
  return siblingPath(dir, 'old')
}

/** The folder to read for index `dir`: itself or, where a swap was cut between its two renames, the old one. */
export async function readableFolder (dir: string): Promise<string> {
  return await exists(dir) || !await exists(oldPath(dir)) ? dir : oldPath(dir)
}

/**
 * Lets `write` fill a new folder beside `dir`, flushes it to disk and puts it in place of `dir`. Whatever happens, and
 * whenever the process dies, the old index or the new one is whole.
 *
 * @throws VEL_ERR_INDEX where the disk is full or may not be written; `dir` is untouched then.
 */
export async function replaceFolder<T> (dir: string, write: (folder: string) => Promise<T>): Promise<T> {
  const target = resolve(dir)
  const old = oldPath(dir)
  const folder = siblingPath(dir, `${randomBytes(6).toString('hex')}.new`)
  try {
    await mkdir(folder, { recursive: true })
    const written = await write(folder)
    for (const name of await readdir(folder)) await syncFile(join(folder, name))
    await syncFolder(folder)
    if (await exists(target)) {
      await rm(old, { recursive: true, force: true })
      await rename(target, old)
    }
    await rename(folder, target)
    await syncFolder(dirname(target))
    await rm(old, { recursive: true, force: true })
    return written
  } catch (error) {
    await rm(folder, { recursive: true, force: true }).catch(() => {})
    throw writeError(dir, error)
  }
}

/** Deletes new folders of `dir` that a killed process left. The caller holds the index's lock. */
export async function removeUnfinished (dir: string): Promise<void> {
  const target = resolve(dir)
  const prefix = `.${basename(target)}.`
  for (const name of await readdir(dirname(target))) {
    const isNew = name.startsWith(prefix) && /^[0-9a-f]{12}\.new$/.test(name.slice(prefix.length))
    if (isNew) await rm(join(dirname(target), name), { recursive: true })
  }
}

/** A system error about a file as one sentence; other errors as they are. */
export function writeError (dir: string, error: unknown): unknown {
  const meaning = diskError(error)
  return meaning === null ? error : errors.index(dir, 'a place that can be written', `${meaning}; an index that was there is untouched`)
}

async function exists (path: string): Promise<boolean> {
  return await stat(path).then(() => true, () => false)
}
