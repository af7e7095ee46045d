// Reads a stream into memory and enforces the limits while bytes arrive.
import type { Readable } from 'node:stream'
import type { TakeBytes } from './upload-budget.ts'

export interface ReadErrors {
  /** More bytes than the limit. */
  readonly tooMany: () => Error
  /** The stream failed, or closed before its end. */
  readonly broken: () => Error
}

/**
 * Reads on in the next turn of the event loop. Node reads up to 2 MB of each connection in one, so that a hundred of them would
 * delay all other requests.
 */
export function restForATurn (stream: Readable): void {
  stream.pause()
  setImmediate(() => { stream.resume() })
}

/**
 * Collects `stream`. On an error the stream stays open, so that a reply can still be sent on its socket.
 *
 * @param take counts each chunk before it is kept.
 * @throws `tooMany()` as soon as more than `limit` bytes have arrived, `broken()` if the stream fails or closes before its end,
 *   and what `take` throws.
 */
export async function readBytes (stream: Readable, limit: number, { tooMany, broken }: ReadErrors, take: TakeBytes): Promise<Buffer> {
  const chunks: Buffer[] = []
  let received = 0
  return await new Promise((resolve, reject) => {
    const finish = (settle: () => void): void => {
      stream.off('data', onData).off('end', onEnd).off('close', onBroken)
      settle()
      // The listener that stays would keep them as long as the connection lives.
      chunks.length = 0
    }
    const onData = (chunk: Buffer): void => {
      received += chunk.length
      if (received > limit) return finish(() => { reject(tooMany()) })
      try {
        take(chunk.length)
        chunks.push(chunk)
        restForATurn(stream)
      } catch (error) {
        const reason = error as Error
        finish(() => { reject(reason) })
      }
    }
    const onEnd = (): void => { finish(() => { resolve(Buffer.concat(chunks, received)) }) }
    const onBroken = (): void => { finish(() => { reject(broken()) }) }
    // The error listener stays: an abandoned stream may still fail, and an unhandled 'error' event ends the process.
    stream.on('data', onData).on('end', onEnd).on('close', onBroken).on('error', onBroken)
  })
}
