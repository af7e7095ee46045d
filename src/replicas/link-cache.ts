// Link results in Redis, shared by replicas. Where Redis is slow or down, every lookup is a miss.
import type { Redis } from 'ioredis'
import type { LinkedImage } from '../types.ts'
import { parseLinkedImage } from './linked-image.ts'

/** Lifetime of a result, s; results of an index version that is no longer served expire with it. */
const TTL_S = 24 * 3600

/** Pause after an error, ms. */
const REST_MS = 1000

export function createLinkCache (redis: Redis): LinkCache {
  let restUntil = 0
  const attempt = async <T>(work: () => Promise<T>): Promise<T | null> => {
    if (redis.status !== 'ready' || Date.now() < restUntil) return null
    try {
      return await work()
    } catch {
      restUntil = Date.now() + REST_MS
      return null
    }
  }
  return {
    state: () => redis.status === 'ready' && Date.now() >= restUntil ? 'ready' : 'down',
    get: async key => {
      const text = await attempt(async () => await redis.get(`vel:link:${key}`))
      return text === null ? null : parseLinkedImage(text)
    },
    async set (key, linked) {
      await attempt(async () => await redis.set(`vel:link:${key}`, JSON.stringify(linked, withoutEmbeddings), 'EX', TTL_S))
    },
    close: async () => { redis.disconnect() }
  }
}

/** Embeddings are not stored in Redis. */
function withoutEmbeddings (name: string, value: unknown): unknown {
  return name === 'face' && value instanceof Float32Array ? [] : name === 'context' && value instanceof Float32Array ? undefined : value
}

/** Results that replicas share. */
export interface LinkCache {
  readonly state: () => 'ready' | 'down'
  /** Null where it is missing or cannot be served, or Redis does not answer in time. Its mentions have no embeddings. */
  readonly get: (key: string) => Promise<LinkedImage | null>
  /** Never rejects. */
  readonly set: (key: string, linked: LinkedImage) => Promise<void>
  readonly close: () => Promise<void>
}
