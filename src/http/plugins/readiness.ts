// The linker as routes see it: loading, ready, draining or closing. The server listens before the linker has loaded.
import type { Linker, Readiness } from '../../linker.ts'
import { errors } from '../../errors.ts'

export interface ReadinessGate {
  /** @throws VEL_ERR_NOT_READY while the linker loads, and once the service closes */
  readonly linker: () => Linker
  /** State of the parts, without throwing. `reason` is why the service is not ready, null if it is. */
  readonly readiness: () => { readonly reason: string | null, readonly parts: Readiness }
  /** From now on the service says that it is not ready, and serves on. */
  readonly beginDrain: () => void
  /** From now on the service is not ready and refuses requests, also those whose body has not arrived. */
  readonly beginClose: () => void
  /** Aborts at `beginClose` with VEL_ERR_NOT_READY. */
  readonly closing: AbortSignal
  /** Closes the linker. One that is still loading is closed once loaded, without waiting for it. */
  readonly close: () => Promise<void>
}

const STARTING: Readiness = {
  ready: false,
  models: { state: 'starting', list: [] },
  index: { state: 'starting', info: null },
  cache: { state: 'off' },
  modes: [],
  blocked: 0,
  engine: { workers: 0, workersReady: 0, queued: 0, maxQueue: 0, running: 0 }
}

const STOPPING = 'it is shutting down'
const LOADING = 'models and index are being loaded'

/** Retry-After while not ready, s. */
export const RETRY_S = 5

export function createReadinessGate (arriving: Linker | Promise<Linker>): ReadinessGate {
  let current: Linker | null = null
  let reason: string | null = LOADING
  let draining = false
  const closing = new AbortController()
  const arrived = Promise.resolve(arriving).then(linker => { current = linker; if (!closing.signal.aborted) reason = null })
  // startServer logs why loading failed.
  arrived.catch(() => { reason = 'it is stopping, since models or index could not be loaded' })

  const linker = (): Linker => {
    if (current === null || reason !== null) throw errors.notReady(reason ?? LOADING, RETRY_S)
    return current
  }
  const readiness = (): ReturnType<ReadinessGate['readiness']> => {
    const parts = current?.readiness() ?? STARTING
    const why = draining ? STOPPING : reason ?? (parts.ready ? null : 'a part of it is down')
    return { reason: why, parts: { ...parts, ready: why === null } }
  }
  const close = async (): Promise<void> => {
    if (current !== null) return await current.close()
    arrived.then(async () => { await current?.close() }).catch(() => {})
  }
  return {
    linker,
    readiness,
    beginDrain: () => { draining = true },
    beginClose: () => { reason = STOPPING; closing.abort(errors.notReady(STOPPING, RETRY_S)) },
    closing: closing.signal,
    close
  }
}
