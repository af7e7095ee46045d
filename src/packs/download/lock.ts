// One fetch at a time per MODELS_DIR. proper-lockfile: the lock of a crashed process expires, also on network disks.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import pRetry from 'p-retry'
import { lock } from 'proper-lockfile'
import { errors } from '../../errors.ts'
import type { FetchOptions } from './download.ts'
import { stopped, writeError } from './errors.ts'

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
  const lost = new AbortController()
  const signal = AbortSignal.any([lost.signal, ...(options.signal !== undefined ? [options.signal] : [])])
  let noted = false
  const lockfilePath = join(modelsDir, '.fetch.lock')
  const acquire = async (): Promise<() => Promise<void>> => {
    return await lock(modelsDir, { lockfilePath, stale: 15_000, onCompromised: () => { lost.abort() } })
  }
  let release: () => Promise<void>
  try {
    await mkdir(modelsDir, { recursive: true })
    release = await pRetry(acquire, {
      retries: Infinity,
      minTimeout: 500,
      factor: 1,
      signal,
      shouldRetry: ({ error }) => (error as NodeJS.ErrnoException).code === 'ELOCKED',
      onFailedAttempt: ({ error }) => {
        if (noted || (error as NodeJS.ErrnoException).code !== 'ELOCKED') return
        noted = true
        options.onNote?.(`Another fetch into ${modelsDir} is at work; waiting for it.`)
      }
    })
  } catch (error) {
    if (signal.aborted) throw stopped(pack)
    throw writeError(pack, modelsDir, error) ?? errors.fetchFailed(pack, `a lock in ${modelsDir} (MODELS_DIR)`, (error as Error).message)
  }
  try {
    return await work(signal)
  } finally {
    if (!lost.signal.aborted) await release()
  }
}
