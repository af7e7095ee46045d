// Shares changes and index swaps between replicas by Redis: a stream announces them at once, a hash holds all current changes.
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { z } from 'zod'
import { change, type Change } from '../kb/changes/change.ts'
import type { LiveIndex } from '../kb/live/live-index.ts'
import type { Log } from '../log.ts'

export interface ChangeStreamOptions {
  readonly live: LiveIndex
  /** Of the index: replicas with the same name share their changes. */
  readonly name: string
  readonly redis: Redis
  /** A second connection, for blocking reads. */
  readonly waiting: Redis
  readonly log: Log
}

/** Changes are named alone: what a person's changes hold is in the hash, and leaves Redis with them. */
const message = z.union([
  z.object({ from: z.string(), ids: z.array(z.uuid()).max(1000) }),
  // Of the version before.
  z.object({ from: z.string(), changes: z.array(change) }),
  z.object({ from: z.string(), swapped: z.literal(true) })
])
type Message = z.infer<typeof message>

/** A message to send, with the changes that the hash is to hold first, and the ids of those it is to lose. */
interface News { readonly message: Message, readonly changes?: readonly Change[], readonly superseded?: readonly string[] }

/** Length of the stream. A replica that misses messages loses nothing: on every connection and once a minute it compares everything. */
const MAX_MESSAGES = 1000
/** Lifetime of a message: messages of the version before hold the changes themselves. */
const MESSAGE_MS = 86_400_000
const COMPARE_EVERY_MS = 60_000
const BLOCK_MS = 1000
/** An index takes some seconds to open. */
const OPENING_MS = 10_000
const RETRY_MS = 100
/** Pause after an error, so that a lasting one does not recur ten times a second. */
const REST_MS = 1000
/** Changes per command. */
const CHUNK = 200

/** Keeps `live` and its replicas equal; Redis may fail or lose all data at any time. @returns a function that leaves them. */
export function joinReplicas (options: ChangeStreamOptions): () => Promise<void> {
  const { live, redis, waiting } = options
  const replica = new Replica(options)
  live.listen({
    changed: (changes, superseded) => { replica.announce({ message: namesOf(replica.id, changes), changes, superseded }) },
    swapped: () => { replica.announce({ message: { from: replica.id, swapped: true } }) }
  })
  const closing = new AbortController()
  const running = replica.run(closing.signal)
  return async () => {
    closing.abort()
    redis.disconnect()
    waiting.disconnect()
    await running
  }
}

class Replica {
  readonly id = randomUUID()
  readonly #options: ChangeStreamOptions
  readonly #hash: string
  readonly #stream: string
  /** Messages from this time on may announce a swap that this process has not seen. Message ids begin with their time, ms. */
  readonly #openedAt = Date.now() - OPENING_MS
  #comparedAt = 0
  /** Id of the last message read; empty before the first. */
  #position = ''
  /** A swap that could not be sent; no comparison would reveal it. */
  #unsentSwap: News | undefined

  constructor (options: ChangeStreamOptions) {
    this.#options = options
    this.#hash = `vel:changes:${options.name}`
    this.#stream = `vel:news:${options.name}`
  }

  /** Sends a message now, or has the next comparison send it. */
  announce (one: News): void {
    this.#send(one).catch(() => {
      this.#comparedAt = 0
      if ('swapped' in one.message) this.#unsentSwap = one
    })
  }

  async run (closing: AbortSignal): Promise<void> {
    const { redis, waiting, log } = this.#options
    while (!closing.aborted) {
      if (redis.status !== 'ready' || waiting.status !== 'ready') {
        await delay(RETRY_MS)
        continue
      }
      await this.#follow(closing).catch(async (error: Error) => {
        // The connection itself logs when it is lost.
        if (redis.status === 'ready' && !closing.aborted) log.warn(`changes of other replicas wait: ${error.message}`)
        await delay(REST_MS)
      })
    }
  }

  async #send ({ message, changes = [], superseded = [] }: News): Promise<void> {
    const transaction = this.#options.redis.multi()
    for (const one of changes) transaction.hset(this.#hash, one.id, JSON.stringify(one))
    if (superseded.length > 0) transaction.hdel(this.#hash, ...superseded)
    transaction.xadd(this.#stream, 'MAXLEN', '~', MAX_MESSAGES, '*', 'news', JSON.stringify(message))
    const results = await transaction.xtrim(this.#stream, 'MINID', oldestMessage()).exec()
    for (const [error] of results ?? []) if (error !== null) throw error
  }

  /** Compares, then reads messages until the next comparison is due. */
  async #follow (closing: AbortSignal): Promise<void> {
    const { redis, waiting } = this.#options
    await this.#dropForeign(this.#hash, 'hash')
    await this.#dropForeign(this.#stream, 'stream')
    const last = await redis.xrevrange(this.#stream, '+', '-', 'COUNT', 1)
    // A Redis that lost its data starts over.
    if (last.length === 0) this.#position = '0-0'
    else if (this.#position === '') this.#position = Number.parseInt(last[0]![0]) > this.#openedAt ? `${this.#openedAt}-0` : last[0]![0]
    await this.#compare()
    while (!closing.aborted && Date.now() - this.#comparedAt < COMPARE_EVERY_MS) {
      const found = await waiting.xread('COUNT', 100, 'BLOCK', BLOCK_MS, 'STREAMS', this.#stream, this.#position)
      for (const [id, fields] of found?.[0]?.[1] ?? []) {
        this.#position = id
        await this.#receive(fields[1]!)
      }
    }
  }

  /** Fetches the changes that are missing here, sends those missing in Redis, and deletes there those that no longer count. */
  async #compare (): Promise<void> {
    const { live, redis } = this.#options
    this.#comparedAt = Date.now()
    await redis.xtrim(this.#stream, 'MINID', oldestMessage())
    const theirs = new Set(await redis.hkeys(this.#hash))
    const known = new Set([...live.changes()].map(({ id }) => id))
    for (const ids of chunks([...theirs].filter(id => !known.has(id)))) {
      await this.#fetch(ids)
    }
    const ours = [...live.changes()]
    const missing = ours.filter(({ id }) => !theirs.has(id))
    for (const changes of chunks(missing)) await this.#send({ message: namesOf(this.id, changes), changes })
    const counts = new Set(ours.map(({ id }) => id))
    for (const ids of chunks([...theirs].filter(id => !counts.has(id)))) await redis.hdel(this.#hash, ...ids)
    const unsent = this.#unsentSwap
    if (unsent !== undefined) await this.#send(unsent)
    if (this.#unsentSwap === unsent) this.#unsentSwap = undefined
  }

  /** Takes in changes of the hash; those that it has no longer are superseded. */
  async #fetch (ids: readonly string[]): Promise<void> {
    const { live, redis } = this.#options
    if (ids.length > 0) await live.receive(this.#readChanges(await redis.hmget(this.#hash, ...ids)))
  }

  /** Leaves out what is not a change; the comparison then deletes it. */
  #readChanges (texts: ReadonlyArray<string | null>): Change[] {
    const present = texts.filter(text => text !== null)
    const changes = present.flatMap(text => change.safeParse(parseJson(text)).data ?? [])
    const dropped = present.length - changes.length
    const advice = 'do all replicas run the same version?'
    if (dropped > 0) this.#options.log.warn(`${dropped} changes in Redis cannot be read and are dropped: ${advice}`)
    return changes
  }

  /** The key of another type would fail every command; all that it should hold is sent again. */
  async #dropForeign (key: string, expected: string): Promise<void> {
    const { redis, log } = this.#options
    const type = await redis.type(key)
    if (type === expected || type === 'none') return
    log.warn(`the key ${key} in Redis is of another type and is dropped: use a Redis database for this service alone`)
    await redis.del(key)
  }

  async #receive (text: string): Promise<void> {
    const { live, log } = this.#options
    const parsed = message.safeParse(parseJson(text))
    if (!parsed.success) return log.warn('news of another replica cannot be read: do all run the same version?')
    if (parsed.data.from === this.id) return
    if ('ids' in parsed.data) await this.#fetch(parsed.data.ids)
    else if ('changes' in parsed.data) await live.receive(parsed.data.changes)
    else await live.reload({ quietly: true }).catch((error: Error) => { log.warn(error.message) })
  }
}

function namesOf (from: string, changes: readonly Change[]): Message {
  return { from, ids: changes.map(({ id }) => id) }
}

/** The id of the stream before which messages are dropped. */
function oldestMessage (): string {
  return `${Date.now() - MESSAGE_MS}-0`
}

/** @returns undefined for a text that is not JSON. */
function parseJson (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function chunks<T> (items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / CHUNK) }, (_, i) => items.slice(i * CHUNK, (i + 1) * CHUNK))
}
