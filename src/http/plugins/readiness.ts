// The linker as routes see it: not there yet, ready, or going away. The server listens from the first moment.
import type { Linker, Readiness } from '../../linker.ts'
import { errors } from '../../errors.ts'

export interface ReadinessGate {
  /** @throws VEL_ERR_NOT_READY while there is none, or once the service closes. */
  readonly linker: () => Linker
  /** The same for a service that cannot serve: `reason` says why. */
  readonly readiness: () => { readonly reason: string | null, readonly parts: Readiness }
  /** From now on nobody is ready. */
  readonly beginClose: () => void
  /** Closes the linker if it is there; does not wait for one that is still loading. */
  readonly close: () => Promise<void>
}

const STARTING: Readiness = {
  ready: false,
  models: { state: 'starting', list: [] },
  index: { state: 'starting', info: null },
  cache: { state: 'off' },
  modes: [],
  engine: { workers: 0, workersReady: 0, queued: 0, maxQueue: 0, running: 0 }
}

const LOADING = 'models and index are being loaded'

/** Seconds after which it is worth asking again. */
export const RETRY_S = 5

export function createReadinessGate (arriving: Linker | Promise<Linker>): ReadinessGate {
  let current: Linker | null = null
  let reason: string | null = LOADING
  let closing = false
  const arrived = Promise.resolve(arriving).then(linker => { current = linker; if (!closing) reason = null })
  // Who started the linker reports why it failed; here it only stays away.
  arrived.catch(() => { reason = 'it is stopping, since models or index could not be loaded' })

  const linker = (): Linker => {
    if (current === null || reason !== null) throw errors.notReady(reason ?? LOADING, RETRY_S)
    return current
  }
  const readiness = (): ReturnType<ReadinessGate['readiness']> => {
    const parts = current?.readiness() ?? STARTING
    return { reason: reason ?? (parts.ready ? null : 'a part of it is down'), parts: { ...parts, ready: parts.ready && reason === null } }
  }
  const close = async (): Promise<void> => {
    if (current !== null) return await current.close()
    arrived.then(async () => { await current?.close() }).catch(() => {})
  }
  return { linker, readiness, beginClose: () => { closing = true; reason = 'it is shutting down' }, close }
}
