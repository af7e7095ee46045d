// Room on the disk, asked before a download rather than met in the middle of it.
import { statfs } from 'node:fs/promises'
import { errors } from '../../errors.ts'

/** Bytes that an unprivileged user can still write in `folder`. */
export async function freeBytes (folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}

/** @throws VEL_ERR_FETCH where `needed` bytes do not fit in `folder`. */
export async function requireSpace (pack: string, folder: string, needed: number, free: (folder: string) => Promise<number>): Promise<void> {
  const available = await free(folder)
  if (available < needed) {
    throw errors.fetchFailed(pack, `${megabytes(needed)} free in ${folder} (MODELS_DIR)`, `${megabytes(available)}; free some, or set MODELS_DIR to another disk`)
  }
}

export function megabytes (bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
