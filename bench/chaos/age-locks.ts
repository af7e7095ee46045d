// Makes the locks of a killed process old, so that not every restart waits until they are.
import { utimes } from 'node:fs/promises'
import { siblingPath } from '../../src/kb/storage/atomic-folder.ts'

/** @param dir folder of the index. */
export async function ageLocks (dir: string): Promise<void> {
  for (const ending of ['changes.lock', 'lock']) await utimes(siblingPath(dir, ending), 0, 0).catch(() => {})
}
