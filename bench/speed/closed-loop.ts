// A closed loop of clients: each sends the next picture as soon as it has the reply to the last.
import pMap from 'p-map'
import { Pool } from 'undici'

export interface Reply {
  readonly status: number
  /** From the request to the last byte of the reply, ms. */
  readonly ms: number
}

export interface LoadOptions {
  readonly origin: string
  /** JPEG files, sent in turn. */
  readonly photos: readonly Buffer[]
  readonly clients: number
  /** No new request is sent after this, ms. */
  readonly forMs: number
}

export interface Load {
  readonly replies: readonly Reply[]
  /** Until the last reply, s. */
  readonly seconds: number
}

export async function closedLoop ({ origin, photos, clients, forMs }: LoadOptions): Promise<Load> {
  const pool = new Pool(origin, { connections: clients, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 })
  const start = performance.now()
  function * next (): Generator<Buffer> {
    for (let i = 0; performance.now() - start < forMs; i++) yield photos[i % photos.length]!
  }
  const send = async (photo: Buffer): Promise<Reply> => {
    const sent = performance.now()
    const { statusCode, body } = await pool.request({
      path: '/link',
      method: 'POST',
      headers: { 'content-type': 'image/jpeg' },
      body: photo
    })
    await body.dump({ limit: 1e9 })
    return { status: statusCode, ms: performance.now() - sent }
  }
  const replies = await pMap(next(), send, { concurrency: clients })
  const seconds = (performance.now() - start) / 1000
  await pool.close()
  return { replies, seconds }
}

export function times (load: Load, status: number): number[] {
  return load.replies.filter(reply => reply.status === status).map(reply => reply.ms)
}

/** Images linked in a second. */
export const throughput = (load: Load): number => times(load, 200).length / load.seconds
