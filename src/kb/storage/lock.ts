// One writer at a time: of an index folder, of its change log.
import { randomUUID } from 'node:crypto'
import { link, readFile, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { errors } from '../../errors.ts'

/** `started` tells a process from a former one of the same id: in a container every one is process 1. */
interface Holder { readonly pid: number, readonly host: string, readonly token: string, readonly started: number }

/** Runs `work` while holding the lock file `path`. @throws VEL_ERR_INDEX where another process holds it. */
export async function withLock<T> (dir: string, path: string, work: () => Promise<T>): Promise<T> {
  const release = await acquireLock(dir, path)
  try {
    return await work()
  } finally {
    await release()
  }
}

/**
 * Takes the lock file `path`. A lock whose process on this machine has died is taken over at once,
 * so that a killed build can go on. proper-lockfile, the usual library, would let it wait for the lock to grow stale.
 *
 * @returns what gives it back.
 * @throws VEL_ERR_INDEX where another process holds it.
 */
export async function acquireLock (dir: string, path: string): Promise<() => Promise<void>> {
  const mine: Holder = { pid: process.pid, host: hostname(), token: randomUUID(), started: performance.timeOrigin }
  if (!await create(path, mine)) {
    const holder = await readHolder(path)
    const inUse = errors.index(dir, 'to be the only one that writes it', `a lock of process ${holder?.pid ?? '?'} on ${holder?.host ?? '?'}; wait for it or, if it is gone, remove ${path}`)
    if (holder === undefined || isAlive(holder)) throw inUse
    // The right to take over this very lock goes to one process only.
    const claim = `${path}.${holder.token}`
    if (!await create(claim, mine)) throw inUse
    await rm(path)
    const taken = await create(path, mine)
    await rm(claim)
    if (!taken) throw inUse
  }
  return async () => { await rm(path, { force: true }) }
}

/** The file comes into being with its content, so that no other process reads half of it. */
async function create (path: string, holder: Holder): Promise<boolean> {
  const written = `${path}.${holder.token}.${holder.pid}`
  try {
    await writeFile(written, JSON.stringify(holder))
    await link(written, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    await rm(written, { force: true })
  }
}

/** @returns undefined where it is not a lock that this program wrote. */
async function readHolder (path: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Holder
  } catch {
    return undefined
  }
}

function isAlive ({ pid, host, started }: Holder): boolean {
  if (host !== hostname()) return true
  if (pid === process.pid) return started === performance.timeOrigin
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
