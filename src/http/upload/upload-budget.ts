// The bytes of request bodies that are held at once, by all requests together. Bodies wait in memory for their last byte, then for
// a worker, so that without a limit of their sum a hundred slow clients take gigabytes.
//
// Bytes are counted as they arrive, not when they are announced: otherwise a dozen connections that announce 20 MB and send
// nothing would lock everybody out. The cost: when many large bodies arrive at once, some are refused half-way, and whoever
// really sends MAX_UPLOADS_BYTES and then falls silent makes others wait until UPLOAD_TIMEOUT_MS ends those uploads.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { errors } from '../../errors.ts'

/** Counts bytes that have arrived for one request. @throws VEL_ERR_OVERLOADED where they do not fit; the request then holds none. */
export type TakeBytes = (bytes: number) => void

export interface UploadBudget {
  /** Most bytes at once; a request that is alone may hold more. */
  readonly limit: number
  readonly held: () => number
  /**
   * Starts to count for a request; what it holds is free again when its reply is complete or its connection closes.
   *
   * @throws VEL_ERR_OVERLOADED where the announced length does not fit now.
   */
  readonly open: (request: FastifyRequest, reply: FastifyReply) => TakeBytes
}

/** Retry-After of a refused upload, s: many uploads end within it. */
const RETRY_S = 2

/** @param limit bytes. */
export function createUploadBudget (limit: number): UploadBudget {
  let total = 0
  const open: UploadBudget['open'] = (request, reply) => {
    let own = 0
    const free = (): void => {
      total -= own
      own = 0
    }
    const require = (bytes: number): void => {
      // An upload that is alone passes: a limit below MAX_IMAGE_BYTES must not refuse large photos for ever.
      if (total + bytes <= limit || total === own) return
      free()
      throw errors.overloaded(`uploads in flight of at most ${limit} bytes (MAX_UPLOADS_BYTES)`, RETRY_S)
    }
    require(Number(request.headers['content-length'] ?? 0))
    let closed = false
    reply.raw.once('close', () => { closed = true; free() })
    return bytes => {
      // The reply is already written: whatever still arrives is not kept.
      if (closed) throw errors.clientGone()
      require(bytes)
      own += bytes
      total += bytes
    }
  }
  return { limit, held: () => total, open }
}
