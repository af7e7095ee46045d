// One process at a time: a lock is a folder whose modification time its holder refreshes (proper-lockfile). A lock that was
// not refreshed for a while belongs to a process that is gone, and is taken over, also on network disks.
import { lstat, readdir, rm, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import pRetry from 'p-retry'
import { lock } from 'proper-lockfile'

// Node ignores SIGXFSZ, so that a write past the file-size limit fails with EFBIG. proper-lockfile's exit hook (signal-exit)
// ends the process on that signal unless there is another listener.
process.on('SIGXFSZ', () => {})

export interface Lock {
  /** Fires when the lock is lost: this process did not refresh it in time (a machine that slept), or somebody removed it. */
  readonly lost: AbortSignal
  readonly release: () => Promise<void>
}

export interface LockOptions {
  /** Age of the last refresh from which on a lock is taken over, ms; at least 2000. */
  readonly staleMs: number
  /** How long to wait for a lock that another process holds, ms; Infinity to wait until `signal` fires. */
  readonly waitMs: number
  readonly signal?: AbortSignal | undefined
  /** Called once, when the lock is held by another process. */
  readonly onWait?: () => void
}

const RETRY_MS = 250

/**
 * Creates the lock folder `path`; its parent must exist.
 *
 * @throws an error that `isHeld` recognises where another process still holds it after `waitMs`; the reason of `signal`; errors
 * of the file system.
 */
export async function acquireLock (path: string, { staleMs, waitMs, signal, onWait }: LockOptions): Promise<Lock> {
  const lost = new AbortController()
  let waiting = false
  const attempt = async (): Promise<() => Promise<void>> => {
    const release = await createLock(path, staleMs, () => { lost.abort() })
    // pRetry then drops the result and throws the signal's reason.
    if (signal?.aborted === true) await release()
    return release
  }
  const release = await pRetry(attempt, {
    retries: Infinity,
    maxRetryTime: waitMs,
    minTimeout: RETRY_MS,
    factor: 1,
    ...(signal === undefined ? {} : { signal }),
    shouldRetry: ({ error }) => isHeld(error),
    onFailedAttempt: ({ error }) => {
      if (waiting || !isHeld(error)) return
      waiting = true
      onWait?.()
    }
  })
  // A lost lock may by now be the folder of another process.
  return { lost: lost.signal, release: async () => { if (!lost.signal.aborted) await release() } }
}

export function isHeld (error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ELOCKED'
}

async function createLock (path: string, staleMs: number, onLost: () => void): Promise<() => Promise<void>> {
  // NOTE: proper-lockfile keeps the locks of a process by the first argument: the path itself, since one folder can have two.
  const options = { lockfilePath: path, realpath: false, stale: staleMs, onCompromised: onLost }
  const create = async (): Promise<() => Promise<void>> => await lock(path, options)
  try {
    return await create()
  } catch (error) {
    // The lock is stale and cannot be removed as a folder: it is a file.
    if ((error as NodeJS.ErrnoException).code !== 'ENOTDIR' || !await isFile(path)) throw error
    await removeLockFile(path)
    return await create()
  }
}

/** Versions before kept a lock in a file, and while they took over another one's, in a second file `path.TOKEN`. */
async function removeLockFile (path: string): Promise<void> {
  // Another process may have put its folder there meanwhile: unlink leaves that alone.
  await unlink(path).catch(() => {})
  const claim = `${basename(path)}.`
  const names = (await readdir(dirname(path))).filter(name => name.startsWith(claim))
  for (const name of names) await rm(join(dirname(path), name), { force: true })
}

async function isFile (path: string): Promise<boolean> {
  return await lstat(path).then(found => found.isFile(), () => false)
}
