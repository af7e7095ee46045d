// Changes and swaps between replicas, by Redis: a stream tells of them at once, a hash holds all that still count.
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { z } from 'zod'
import { change, type Change } from '../kb/live/change.ts'
import type { LiveIndex } from '../kb/live/live-index.ts'
import type { RedisLog } from './redis.ts'

export interface ChangeStreamOptions {
  readonly live: LiveIndex
  /** Of the index: replicas with one name share their changes. */
  readonly name: string
  readonly redis: Redis
  /** A second connection, for reads that wait. */
  readonly waiting: Redis
  readonly log: RedisLog
}

const news = z.union([
  z.object({ from: z.string(), changes: z.array(change) }),
  z.object({ from: z.string(), swapped: z.literal(true) })
])
type News = z.infer<typeof news>

/** Changes that are missed make no gap: every connection begins with a comparison of all, and so does every minute. */
const MAX_NEWS = 1000
const COMPARE_EVERY_MS = 60_000
const BLOCK_MS = 1000
/** An index takes some seconds to open. */
const OPENING_MS = 10_000
const RETRY_MS = 100
/** After a fault, so that one that lasts is not met ten times a second. */
const REST_MS = 1000
const CHUNK = 200

/** Keeps `live` and its replicas alike, whatever becomes of Redis: it may lose everything. @returns what ends it. */
export function joinReplicas ({ live, name, redis, waiting, log }: ChangeStreamOptions): () => Promise<void> {
  const me = randomUUID()
  const hash = `vel:changes:${name}`
  const stream = `vel:news:${name}`
  const closing = new AbortController()
  let comparedAt = 0
  /** News from then on may be of a swap that this process has not seen; ids of news begin with the time, ms. */
  const openedAt = Date.now() - OPENING_MS
  /** The last news that were read; empty where none were yet. */
  let at = ''
  /** What no comparison finds, where it could not be told. */
  let untold: News | undefined

  const tell = async (one: News): Promise<void> => {
    const transaction = redis.multi()
    if ('changes' in one) for (const of of one.changes) transaction.hset(hash, of.id, JSON.stringify(of))
    const results = await transaction.xadd(stream, 'MAXLEN', '~', MAX_NEWS, '*', 'news', JSON.stringify(one)).exec()
    for (const [error] of results ?? []) if (error !== null) throw error
  }
  // What cannot be told now is found, or told, by the next comparison.
  const tellOrCompare = (one: News): void => {
    tell(one).catch(() => {
      comparedAt = 0
      if ('swapped' in one) untold = one
    })
  }
  live.listen({
    changed: changes => { tellOrCompare({ from: me, changes: [...changes] }) },
    swapped: () => { tellOrCompare({ from: me, swapped: true }) }
  })

  const compare = async (): Promise<void> => {
    comparedAt = Date.now()
    const theirs = new Set(await redis.hkeys(hash))
    const known = new Set([...live.changes()].map(({ id }) => id))
    for (const ids of chunks([...theirs].filter(id => !known.has(id)))) {
      await live.receive((await redis.hmget(hash, ...ids)).flatMap(parseChange))
    }
    const ours = [...live.changes()]
    for (const part of chunks(ours.filter(({ id }) => !theirs.has(id)))) await tell({ from: me, changes: part })
    const counts = new Set(ours.map(({ id }) => id))
    for (const ids of chunks([...theirs].filter(id => !counts.has(id)))) await redis.hdel(hash, ...ids)
    const again = untold
    if (again !== undefined) await tell(again)
    if (untold === again) untold = undefined
  }

  const take = async (text: string): Promise<void> => {
    const parsed = news.safeParse(JSON.parse(text))
    if (!parsed.success) return log.warn('news of another replica cannot be read: do all run the same version?')
    if (parsed.data.from === me) return
    if ('changes' in parsed.data) await live.receive(parsed.data.changes)
    else await live.reload({ quietly: true }).catch((error: Error) => { log.warn(error.message) })
  }

  const follow = async (): Promise<void> => {
    const last = await redis.xrevrange(stream, '+', '-', 'COUNT', 1)
    // A Redis that came back empty begins anew.
    if (last.length === 0) at = '0-0'
    else if (at === '') at = Number.parseInt(last[0]![0]) > openedAt ? `${openedAt}-0` : last[0]![0]
    await compare()
    // A comparison that is due leaves this loop and begins anew.
    while (!closing.signal.aborted && Date.now() - comparedAt < COMPARE_EVERY_MS) {
      const found = await waiting.xread('COUNT', 100, 'BLOCK', BLOCK_MS, 'STREAMS', stream, at)
      for (const [id, fields] of found?.[0]?.[1] ?? []) {
        at = id
        await take(fields[1]!)
      }
    }
  }

  const run = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      if (redis.status !== 'ready' || waiting.status !== 'ready') await delay(RETRY_MS)
      else {
        await follow().catch(async (error: Error) => {
        // A Redis that goes tells so itself.
          if (redis.status === 'ready' && !closing.signal.aborted) log.warn(`changes of other replicas wait: ${error.message}`)
          await delay(REST_MS)
        })
      }
    }
  }
  const running = run()
  return async () => {
    closing.abort()
    redis.disconnect()
    waiting.disconnect()
    await running
  }
}

function parseChange (text: string | null): Change[] {
  const parsed = change.safeParse(text === null ? null : JSON.parse(text))
  return parsed.success ? [parsed.data] : []
}

function chunks<T> (items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / CHUNK) }, (_, i) => items.slice(i * CHUNK, (i + 1) * CHUNK))
}
