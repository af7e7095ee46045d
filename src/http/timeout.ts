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
 * Runs `work` for at most `ms`. Its signal aborts with `late()` or with the reason of the first of `parents` that aborts. The
 * promise rejects with the same error at once, even if `work` ignores the signal.
 */
export async function within<T> (
  ms: number, late: () => Error, parents: readonly AbortSignal[], work: (signal: AbortSignal) => Promise<T>
): Promise<T> {
  for (const parent of parents) parent.throwIfAborted()
  const own = new AbortController()
  const onParent = (event: Event): void => { own.abort((event.target as AbortSignal).reason) }
  const timer = setTimeout(() => { own.abort(late()) }, ms)
  for (const parent of parents) parent.addEventListener('abort', onParent, { once: true })
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
    for (const parent of parents) parent.removeEventListener('abort', onParent)
  }
}
