// One fetch at a time per MODELS_DIR.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { errors } from '../../errors.ts'
import { acquireLock, type Lock } from '../../lock.ts'
import type { FetchOptions } from './download.ts'
import { stopped, writeError } from './errors.ts'

const STALE_MS = 15_000

/**
 * Runs `work` under the lock; waits while another process holds it.
 *
 * @param work its signal aborts when the caller stops the fetch, or when the lock is lost (after the machine slept).
 * @throws VEL_ERR_FETCH where the lock cannot be taken, or where the caller stops the fetch meanwhile.
 */
export async function withFetchLock<T> (
  pack: string,
  modelsDir: string,
  options: FetchOptions,
  work: (signal: AbortSignal) => Promise<T>
): Promise<T> {
  let lock: Lock
  try {
    await mkdir(modelsDir, { recursive: true })
    lock = await acquireLock(join(modelsDir, '.fetch.lock'), {
      staleMs: STALE_MS,
      waitMs: Infinity,
      signal: options.signal,
      onWait: () => { options.onNote?.(`Another fetch into ${modelsDir} is at work; waiting for it.`) }
    })
  } catch (error) {
    if (options.signal?.aborted === true) throw stopped(pack)
    const meaning = writeError(pack, modelsDir, error)
    throw meaning ?? errors.fetchFailed(pack, `a lock in ${modelsDir} (MODELS_DIR)`, (error as Error).message)
  }
  try {
    return await work(AbortSignal.any([lock.lost, ...(options.signal !== undefined ? [options.signal] : [])]))
  } finally {
    await lock.release()
  }
}
