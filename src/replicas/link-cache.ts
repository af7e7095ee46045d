// Link results in Redis, shared by replicas. Where Redis is slow or down, every lookup is a miss.
import type { Redis } from 'ioredis'
import { namedEntities } from './named-entities.ts'
import type { LinkedImage } from '../types.ts'
import { parseLinkedImage } from './linked-image.ts'

/** Lifetime of a result, s; results of an index version that is no longer served expire with it. */
export const TTL_S = 24 * 3600

/** Pause after an error, ms. */
const REST_MS = 1000
/** Results deleted by one command. */
const CHUNK = 500

export function createLinkCache (redis: Redis): LinkCache {
  let restUntil = 0
  const isUsable = (): boolean => redis.status === 'ready' && Date.now() >= restUntil
  const attempt = async <T>(work: () => Promise<T>): Promise<T | null> => {
    if (!isUsable()) return null
    try {
      return await work()
    } catch {
      restUntil = Date.now() + REST_MS
      return null
    }
  }
  const forget = createForgetting(redis, attempt)
  return {
    state: () => isUsable() ? 'ready' : 'down',
    get: async key => {
      const text = await attempt(async () => await redis.get(resultKey(key)))
      return text === null ? null : parseLinkedImage(text)
    },
    async set (key, linked) {
      await attempt(async () => { await store(redis, resultKey(key), linked) })
    },
    forget,
    close: async () => { redis.disconnect() }
  }
}

const resultKey = (key: string): string => `vel:link:${key}`
/** A sorted set of the keys of the results that name an entity, by the time at which they expire, s since 1970. */
const entityKey = (id: string): string => `vel:link:of:${id}`

/** A result is never stored without being listed under those whom it names. */
async function store (redis: Redis, key: string, linked: LinkedImage): Promise<void> {
  const transaction = redis.multi().set(key, JSON.stringify(linked, withoutEmbeddings), 'EX', TTL_S)
  const now = Math.floor(Date.now() / 1000)
  const lists = [...namedEntities(linked)].map(entityKey)
  for (const list of lists) transaction.zremrangebyscore(list, '-inf', now).zadd(list, now + TTL_S, key).expire(list, TTL_S)
  const results = await transaction.exec() ?? []
  // Redis does not undo the rest of a transaction. Only a key of another type fails: somebody else wrote it.
  const foreign = lists.filter((_, i) => results.slice(1 + 3 * i, 4 + 3 * i).some(([error]) => error !== null))
  if (foreign.length > 0) await redis.unlink(key, ...foreign)
}

/** Where Redis does not answer, the ids are kept, and tried again once a second. */
function createForgetting (redis: Redis, attempt: <T>(work: () => Promise<T>) => Promise<T | null>): LinkCache['forget'] {
  const waiting = new Set<string>()
  let running = false
  const run = async (): Promise<void> => {
    running = true
    for (const id of waiting) {
      const done = await attempt(async () => { await drop(redis, entityKey(id)); return true })
      if (done === true) waiting.delete(id)
    }
    running = false
    if (waiting.size > 0 && redis.status !== 'end') setTimeout(() => { if (!running) void run() }, REST_MS).unref()
  }
  return ids => {
    for (const id of ids) waiting.add(id)
    if (!running && waiting.size > 0) void run()
  }
}

/** Deletes all results that `list` names, and the list. */
async function drop (redis: Redis, list: string): Promise<void> {
  if (await redis.type(list) !== 'zset') await redis.unlink(list)
  for (;;) {
    const keys = await redis.zrange(list, '0', String(CHUNK - 1))
    if (keys.length === 0) return
    const results = await redis.multi().unlink(...keys).zrem(list, ...keys).exec()
    for (const [error] of results ?? []) if (error !== null) throw error
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
  /** Deletes all results that name one of these entities, as soon as Redis answers. */
  readonly forget: (ids: Iterable<string>) => void
  readonly close: () => Promise<void>
}
