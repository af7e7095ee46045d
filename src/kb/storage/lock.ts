// One writer at a time: of an index folder, of its change log.
import { stat } from 'node:fs/promises'
import { errors } from '../../errors.ts'
import { acquireLock, isHeld, type Lock } from '../../lock.ts'

/** A process that was killed holds its lock for this long. */
const STALE_MS = 5000

/** Somewhat longer than a lock takes to become stale: its first refresh may be dated up to a second ahead. */
const WAIT_MS = STALE_MS + 1500

/**
 * Runs `work` while holding the lock `path` on index `dir`.
 *
 * @throws VEL_ERR_INDEX where another process holds it, or takes it over while `work` runs because this process stood still.
 */
export async function withLock<T> (dir: string, path: string, work: () => Promise<T>): Promise<T> {
  const { lost, release } = await acquireIndexLock(dir, path)
  try {
    const result = await work()
    const taken = `another process that took over ${path} meanwhile; check the index with \`vel kb verify\``
    if (lost.aborted) throw errors.index(dir, 'to be the only one that writes it', taken)
    return result
  } finally {
    await release()
  }
}

/**
 * Takes the lock `path` on index `dir`. A lock that is held is waited for, up to 6.5 s: long enough for that of a process that
 * was killed to be taken over.
 *
 * @throws VEL_ERR_INDEX where another process holds it.
 */
export async function acquireIndexLock (dir: string, path: string): Promise<Lock> {
  try {
    return await acquireLock(path, { staleMs: STALE_MS, waitMs: WAIT_MS })
  } catch (error) {
    if (!isHeld(error)) throw error
    const refreshed = await stat(path).then(({ mtime }) => mtime.toISOString(), () => 'an unknown time')
    const advice = `stop that process or wait for it; a lock that is not refreshed for ${STALE_MS / 1000} s is taken over`
    const held = `a lock of another process: ${path}, last refreshed at ${refreshed}`
    throw errors.index(dir, 'to be the only one that writes it', `${held}; ${advice}`)
  }
}
