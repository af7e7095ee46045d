// Files on disk: written at once or not at all, hashed, and what the system's errors about them mean.
import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'

const CHUNK_BYTES = 1 << 20

/**
 * Writes a file through a temporary sibling and a rename: after a crash or a power cut the disk has the old file or the new
 * one, whole.
 *
 * @param data several chunks are written in order.
 * @throws the system's error. The old file is untouched then, except where only the folder could not be flushed.
 */
export async function writeAtomic (path: string, data: string | Uint8Array | Iterable<string | Uint8Array>): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.new`
  try {
    const file = await open(temporary, 'wx')
    try {
      await writeFile(file, data)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
    throw error
  }
  await syncFolder(dirname(path))
}

/** Waits until the content of a file is on the disk. */
export async function syncFile (path: string): Promise<void> {
  await sync(path, 'r+')
}

/** Waits until the names in a folder are on the disk. */
export async function syncFolder (path: string): Promise<void> {
  // Windows cannot flush a folder, and does not need to.
  if (process.platform !== 'win32') await sync(path, 'r')
}

async function sync (path: string, flags: string): Promise<void> {
  const file = await open(path, flags)
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

/** @returns 64 lower-case hexadecimal digits. */
export function sha256 (data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}

/** @returns 64 lower-case hexadecimal digits. */
export async function sha256File (path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path, { highWaterMark: CHUNK_BYTES }), hash, { signal })
  return hash.digest('hex')
}

const DISK_ERRORS: Readonly<Record<string, readonly [meaning: string, advice: string]>> = {
  ENOSPC: ['a full disk', 'free some space, or choose a folder on another disk'],
  EDQUOT: ['a full quota', 'free some space, or choose a folder on another disk'],
  EFBIG: ['a file larger than the system allows', 'raise the limit, or choose a folder on another file system'],
  EROFS: ['a read-only file system', 'choose a folder on a file system that can be written'],
  EACCES: ['no permission to write there', 'choose a folder that you may write, or change its permissions'],
  EPERM: ['no permission to write there', 'choose a folder that you may write, or change its permissions'],
  ENOTDIR: ['a file where a folder should be', 'choose a path whose parents are folders'],
  EEXIST: ['a file where a folder should be', 'choose a path whose parents are folders'],
  EISDIR: ['a folder where the file should be', 'remove it'],
  EIO: ['an input or output error of the disk', 'check the disk']
}

/** What a system error about a file means and what to do; null for an error that is none of these. */
export function diskError (error: unknown): string | null {
  const { code, message } = error as NodeJS.ErrnoException
  const known = DISK_ERRORS[code ?? '']
  return known === undefined ? null : `${known[0]} (${message}); ${known[1]}`
}
