// A stream to bytes, with the limit applied while they arrive.
import type { Readable } from 'node:stream'

export interface ReadFaults {
  /** More bytes than the limit. */
  readonly tooMany: () => Error
  /** The stream failed, or closed before its end. */
  readonly broken: () => Error
}

/**
 * Collects `stream`; leaves it open where it is given up, so that a reply can still be sent on its socket.
 *
 * @throws `tooMany()` as soon as more than `limit` bytes came, `broken()` where no more will come.
 */
export async function readBytes (stream: Readable, limit: number, { tooMany, broken }: ReadFaults): Promise<Buffer> {
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
    // The error listener stays: a stream given up may still fail, and nobody else would hear it.
    stream.on('data', onData).on('end', onEnd).on('close', onBroken).on('error', onBroken)
  })
}
