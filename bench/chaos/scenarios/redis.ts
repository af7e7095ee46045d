// Redis is killed, stopped, emptied and poisoned: photos are linked on, and in the end every replica has every change.
import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import pMap from 'p-map'
import { hasRedis, startRedisServer, type RedisServer } from '../../../test/helpers/redis-server.ts'
import { startProbe } from '../../speed/probe.ts'
import { createClient, describeStatuses, faultsOf, newTally, type Client } from '../client.ts'
import { createLedger, describeFirst, type Difference, type Ledger } from '../ledger.ts'
import type { Scenario, Stage } from '../scenario.ts'

const REPLICAS = 2
/** Replicas compare all that they have once a minute. */
const EQUAL_WITHIN_MS = 90_000

const VALUES = ['{}', '[]', 'true', 'null', '', 'no JSON', '{"links":[null]}', '{"links":[],"width":"x"}', '['.repeat(100_000)]
const FIELDS: Readonly<Record<string, string>> = {
  abc: 'not JSON',
  list: '[]',
  future: JSON.stringify({ id: 'b37ac7cf-0f0c-4ae2-9da2-ec8b0a5f8a01', at: 2 ** 53 - 1, kind: 'delete', entity: 'Q207' }),
  '': '{"kind":"put"}',
  deep: '{"a":'.repeat(50_000)
}
const MESSAGES = [
  ['news', 'not JSON'],
  ['news', '{}'],
  ['other', 'field'],
  ['news', '{"from":"z","changes":[null]}'],
  [
    'news',
    JSON.stringify({
      from: 'z',
      changes: [{ id: 'b37ac7cf-0f0c-4ae2-9da2-ec8b0a5f8a02', at: 2 ** 53 - 1, kind: 'delete', entity: 'Q207' }]
    })
  ],
  ['news', `{"from":"${'z'.repeat(1_000_000)}"}`]
] as const

/** What is done to Redis while changes and photos go on. */
type Deed = (redis: RedisServer, admin: Redis) => Promise<void>

const DEEDS: Readonly<Record<string, Deed>> = {
  killed: async redis => {
    await redis.kill()
    await delay(1500)
    await redis.start()
  },
  poisoned: async (_redis, admin) => {
    for (const [i, key] of (await admin.keys('vel:link:*')).entries()) await admin.set(key, VALUES[i % VALUES.length]!)
    await admin.hset('vel:changes:starter', FIELDS)
    for (const [name, text] of MESSAGES) await admin.xadd('vel:news:starter', '*', name, text)
  },
  stopped: async redis => {
    redis.process().kill('SIGSTOP')
    await delay(3000)
    redis.process().kill('SIGCONT')
  },
  emptied: async (_redis, admin) => { await admin.flushall() },
  'given other types': async (_redis, admin) => {
    await admin.multi().del('vel:changes:starter').set('vel:changes:starter', 'x').exec()
    await admin.multi().del('vel:news:starter').lpush('vel:news:starter', 'x').exec()
    for (const key of await admin.keys('vel:link:*')) await admin.multi().del(key).sadd(key, 'x').exec()
  },
  full: async (_redis, admin) => {
    await admin.config('SET', 'maxmemory', '1')
    await delay(1500)
    await admin.config('SET', 'maxmemory', '0')
  }
}
const SHORT = ['killed', 'poisoned']

export const redis: Scenario = {
  name: 'redis',
  title: 'Redis gone and poisoned',
  maxLiveMs: null,
  async run (stage) {
    if (!hasRedis) throw new Error('Expected redis-server, found none; install the package redis-server')
    const server = await startRedisServer()
    const admin = new Redis(server.url, { retryStrategy: () => 100, maxRetriesPerRequest: null })
    admin.on('error', () => {})
    try {
      return await attack(stage, server, admin)
    } finally {
      admin.disconnect()
      await server.kill()
    }
  }
}

async function attack (stage: Stage, server: RedisServer, admin: Redis): Promise<Awaited<ReturnType<Scenario['run']>>> {
  const replicas = await Promise.all(Array.from({ length: REPLICAS }, async (_, i) => {
    return await stage.start({ env: { INDEX_DIR: await stage.copyIndex(`replica-${i}`), REDIS_URL: server.url } })
  }))
  await Promise.all(replicas.map(async replica => await replica.ready()))
  const stopProbe = await startProbe(replicas[0]!.origin)
  const [writes, links] = [newTally(), newTally()]
  const clients = replicas.map(({ origin }) => createClient(origin, writes))
  const linkers = replicas.map(({ origin }) => createClient(origin, links))
  const ledger = createLedger()
  const deeds = Object.entries(DEEDS).filter(([name]) => !stage.short || SHORT.includes(name))
  for (const [, deed] of deeds) {
    const stopping = new AbortController()
    const traffic = [
      ...clients.map(async client => { await ledger.write(client, stage.photos, stopping.signal) }),
      ...linkers.map(async linker => { await linkUntil(linker, stage.photos, stopping.signal) })
    ]
    await delay(1000)
    await deed(server, admin)
    await delay(1500)
    stopping.abort()
    await Promise.all(traffic)
  }
  const start = performance.now()
  let different = await compareAll(clients, ledger)
  while (different.length > 0 && performance.now() - start < EQUAL_WITHIN_MS) {
    await delay(500)
    different = await compareAll(clients, ledger)
  }
  const seconds = (performance.now() - start) / 1000
  const live = await stopProbe()
  const linked = links.statuses.get(200) ?? 0
  await Promise.all([...clients, ...linkers].map(async client => { await client.close() }))
  return {
    attempts: ledger.attempts() + links.attempts,
    acknowledged: ledger.acknowledged() + linked,
    lost: different.length,
    faults: faultsOf(writes) + faultsOf(links),
    live,
    growth: null,
    broken: [
      ...describeFirst(different),
      ...linked < links.attempts ? [`not every photo was linked: ${describeStatuses(links)}`] : []
    ],
    notes: [
      `Redis was ${deeds.map(([name]) => name).join(', ')} under traffic to ${REPLICAS} replicas; ` +
        (different.length === 0 ? `${seconds.toFixed(1)} s later each had every change` : `after ${seconds.toFixed(0)} s they still differ`)
    ]
  }
}

async function linkUntil (client: Client, photos: readonly Buffer[], signal: AbortSignal): Promise<void> {
  for (let i = 0; !signal.aborted; i = (i + 1) % photos.length) {
    await client.send('POST', '/link', photos[i])
    await delay(50)
  }
}

/** @returns people whom one of the replicas does not have as any of them acknowledged. */
async function compareAll (clients: readonly Client[], ledger: Ledger): Promise<Difference[]> {
  return (await pMap(clients, async client => await ledger.compare(client), { concurrency: 1 })).flat()
}
