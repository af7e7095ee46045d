// Reads a stream into memory and enforces the size limit while bytes arrive.
import type { Readable } from 'node:stream'

export interface ReadErrors {
  /** More bytes than the limit. */
  readonly tooMany: () => Error
  /** The stream failed, or closed before its end. */
  readonly broken: () => Error
}

/**
 * Collects `stream`. On an error the stream stays open, so that a reply can still be sent on its socket.
 *
 * @throws `tooMany()` as soon as more than `limit` bytes have arrived, `broken()` if the stream fails or closes before its end
 */
export async function readBytes (stream: Readable, limit: number, { tooMany, broken }: ReadErrors): Promise<Buffer> {
  const chunks: Buffer[] = []
  let received = 0
  return await new Promise((resolve, reject) => {
    const finish = (settle: () => void): void => {
      stream.off('data', onData).off('end', onEnd).off('close', onBroken)
      settle()
    }
    const onData = (chunk: Buffer): void => {
      received += chunk.length
      if (received > limit) finish(() => { reject(tooMany()) })
      else chunks.push(chunk)
    }
    const onEnd = (): void => { finish(() => { resolve(Buffer.concat(chunks, received)) }) }
    const onBroken = (): void => { finish(() => { reject(broken()) }) }
    // The error listener stays: an abandoned stream may still fail, and an unhandled 'error' event ends the process.
    stream.on('data', onData).on('end', onEnd).on('close', onBroken).on('error', onBroken)
  })
}
