// Limits work to its deadline and to the life of the client's connection.
import type { FastifyReply } from 'fastify'
import { errors } from '../errors.ts'

/** A signal that aborts with VEL_ERR_CLIENT_GONE when the client hangs up before the reply is written. */
export function clientSignal (reply: FastifyReply): AbortSignal {
  const gone = new AbortController()
  reply.raw.once('close', () => { if (!reply.raw.writableEnded) gone.abort(errors.clientGone()) })
  return gone.signal
}

/**
 * Runs `work` for at most `ms`. Its signal aborts with `late()` or with the reason of `parent`. The promise rejects with the same
 * error at once, even if `work` ignores the signal.
 */
export async function within<T> (
  ms: number, late: () => Error, parent: AbortSignal, work: (signal: AbortSignal) => Promise<T>
): Promise<T> {
  parent.throwIfAborted()
  const own = new AbortController()
  const onParent = (): void => { own.abort(parent.reason) }
  const timer = setTimeout(() => { own.abort(late()) }, ms)
  parent.addEventListener('abort', onParent, { once: true })
  const aborted = new Promise<never>((_resolve, reject) => {
    own.signal.addEventListener('abort', () => {
      const reason: Error = own.signal.reason
      reject(reason)
    }, { once: true })
  })
  try {
    return await Promise.race([work(own.signal), aborted])
  } finally {
    clearTimeout(timer)
    parent.removeEventListener('abort', onParent)
  }
}
