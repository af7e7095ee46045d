import { once } from 'node:events'
import { writeIndex } from '../../src/kb/build/write-index.ts'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { photo } from '../helpers/live-linker.ts'
import { KEY, LATER, SOON, startReplica, type Replica } from '../helpers/replicas.ts'
import { describeWithRedis, startRedis } from '../helpers/redis.ts'
import { content, seededEntities } from '../helpers/build-small-index.ts'
import { vectors, writeSmallIndex } from '../helpers/open-live-index.ts'

async function add (replica: Replica, id: string, i: number): Promise<void> {
  expect((await replica.fetch('PUT', `/entities/${id}`, { name: `Person ${id}` })).status).toBe(201)
  expect((await replica.fetch('POST', `/entities/${id}/images`, photo({ vector: i }))).status).toBe(201)
}

const cacheState = async (of: Replica): Promise<string> => (await of.fetch('GET', '/health/ready')).json.cache.state

describeWithRedis('two servers and a Redis', () => {
  test('a person added on one is linked by the other within a second, a deleted one is gone from both', async () => {
    const redis = await startRedis()
    const [a, b] = await Promise.all([startReplica(await writeSmallIndex(), redis.url), startReplica(await writeSmallIndex(), redis.url)])
    await expect.poll(async () => (await a.fetch('GET', '/health/ready')).json.cache.state, LATER).toBe('ready')
    expect(await b.linked(30)).toBeUndefined()
    await add(a, 'Q900', 30)
    await expect.poll(async () => await b.linked(30), SOON).toBe('Q900')
    expect((await b.fetch('DELETE', '/entities/Q1')).status).toBe(204)
    await expect.poll(async () => [await a.linked(0), await b.linked(0)], SOON).toEqual([undefined, undefined])
    const infos = await Promise.all([a, b].map(async of => (await of.fetch('GET', '/health/ready')).json.index.info))
    expect(infos[0]).toEqual(infos[1])
    // The same photo, index and models: the other's result comes out of Redis, without having been timed again.
    await a.linked(5)
    await expect.poll(async () => (await b.fetch('POST', '/link', photo({ vector: 5 }))).json.timings, LATER).toEqual({})
    expect((await b.fetch('POST', '/link?topK=1', photo({ vector: 5 }))).json.timings).toMatchObject({ decode: 1 })
  })

  test('a person blocked on one is named by neither within a second, also from the cache and by a replica that starts later', async () => {
    const redis = await startRedis()
    const right = await writeSmallIndex()
    const [a, b] = await Promise.all([startReplica(await writeSmallIndex(), redis.url), startReplica(right, redis.url)])
    await expect.poll(async () => await cacheState(a), LATER).toBe('ready')
    expect([await a.linked(0), await b.linked(0)]).toEqual(['Q1', 'Q1'])
    await expect.poll(async () => (await b.fetch('POST', '/link', photo({ vector: 0 }))).json.timings, LATER).toEqual({})
    expect((await a.fetch('PUT', '/blocklist/Q1')).status).toBe(201)
    expect(await a.linked(0)).toBeUndefined()
    await expect.poll(async () => [await b.linked(0), (await b.fetch('GET', '/entities/Q1')).status], SOON).toEqual([undefined, 404])
    expect((await b.fetch('GET', '/blocklist')).json).toEqual({ ids: ['Q1'] })
    b.child.kill('SIGKILL')
    const c = await startReplica(await writeSmallIndex(), redis.url)
    await expect.poll(async () => await c.linked(0), LATER).toBeUndefined()
    expect((await c.fetch('DELETE', '/blocklist/Q1')).status).toBe(204)
    await expect.poll(async () => await a.linked(0), SOON).toBe('Q1')
  })

  test('G12: a result is cached for the key that sent the photo, so that no other key learns that it was sent', async () => {
    const redis = await startRedis()
    const [secret, other] = [KEY['x-api-key'], { 'x-api-key': 'a-secret-of-another-newsroom' }]
    const env = { API_KEYS: `desk:${secret},wire:${other['x-api-key']}` }
    const start = async (): Promise<Replica> => await startReplica(await writeSmallIndex(), redis.url, env)
    const [a, b] = await Promise.all([start(), start()])
    await expect.poll(async () => (await a.fetch('GET', '/health/ready')).json.cache.state, LATER).toBe('ready')
    const timings = async (replica: Replica, key: Record<string, string>): Promise<object> =>
      (await replica.fetch('POST', '/link', photo({ vector: 5 }), key)).json.timings
    expect(await timings(a, KEY)).toMatchObject({ decode: 1 })
    await expect.poll(async () => await timings(b, KEY), LATER).toEqual({})
    expect(await timings(a, other)).toMatchObject({ decode: 1 })
    await expect.poll(async () => await timings(b, other), LATER).toEqual({})
    const cached = new Redis(redis.url)
    onTestFinished(() => { cached.disconnect() })
    expect((await cached.keys('vel:link:*')).filter(key => !key.startsWith('vel:link:of:')).length).toBe(2)
    expect((await cached.keys('*')).join()).not.toMatch(/desk|wire/)
  })

  test('while Redis is gone each serves alone, and says so; a new and empty Redis brings them together', async () => {
    const redis = await startRedis()
    const [a, b] = await Promise.all([startReplica(await writeSmallIndex(), redis.url), startReplica(await writeSmallIndex(), redis.url)])
    await add(a, 'Q900', 30)
    await expect.poll(async () => await b.linked(30), LATER).toBe('Q900')
    await redis.kill()
    await add(a, 'Q901', 31)
    expect((await b.fetch('DELETE', '/entities/Q1')).status).toBe(204)
    expect((await b.fetch('DELETE', '/entities/Q900')).status).toBe(204)
    expect([await a.linked(31), await b.linked(31), await a.linked(0), await b.linked(0)]).toEqual(['Q901', undefined, 'Q1', undefined])
    expect(await a.fetch('GET', '/health/ready')).toMatchObject({ status: 200, json: { status: 'ready', cache: { state: 'down' } } })
    await redis.start()
    await expect
      .poll(async () => [await a.linked(30), await b.linked(31), await a.linked(0)], LATER)
      .toEqual([undefined, 'Q901', undefined])
    await expect.poll(async () => (await a.fetch('GET', '/health/ready')).json.cache.state, LATER).toBe('ready')
    const [first, second] = await Promise.all([a, b].map(async of => (await of.fetch('GET', '/health/ready')).json.index.info))
    expect(first).toEqual(second)
  })

  test('a replica that was killed catches up with what it missed, and a swap reaches it', async () => {
    const redis = await startRedis()
    const [left, right] = [await writeSmallIndex(), await writeSmallIndex()]
    const [a, former] = await Promise.all([startReplica(left, redis.url), startReplica(right, redis.url)])
    former.child.kill('SIGKILL')
    await once(former.child, 'exit')
    await add(a, 'Q900', 30)
    expect((await a.fetch('DELETE', '/entities/Q2')).status).toBe(204)
    const b = await startReplica(right, redis.url)
    await expect.poll(async () => [await b.linked(30), (await b.fetch('GET', '/entities/Q2')).status], LATER).toEqual(['Q900', 404])
    for (const dir of [left, right]) await writeIndex(dir, content(seededEntities(3), vectors, [0, 1, 2]))
    expect((await a.fetch('POST', '/index/reload')).json.index.entities).toBe(3)
    await expect.poll(async () => (await b.fetch('GET', '/health/ready')).json.index.info.entities, LATER).toBe(3)
    expect([await b.linked(30), await b.linked(0), (await b.fetch('GET', '/entities/Q2')).status]).toEqual(['Q900', 'Q1', 404])
  })

  test('a swap that happens while Redis is gone, or while a replica has lost its connection, reaches the others', async () => {
    const redis = await startRedis()
    const [left, right] = [await writeSmallIndex(), await writeSmallIndex()]
    const [a, b] = await Promise.all([startReplica(left, redis.url), startReplica(right, redis.url)])
    const swap = async (people: number): Promise<void> => {
      for (const dir of [left, right]) await writeIndex(dir, content(seededEntities(people), vectors, [0, 1, 2]))
      expect((await a.fetch('POST', '/index/reload')).status).toBe(200)
    }
    const people = async (): Promise<number> => (await b.fetch('GET', '/health/ready')).json.index.info.entities
    await redis.kill()
    await swap(3)
    await redis.start()
    await expect.poll(people, LATER).toBe(3)

    const watch = new Redis(redis.url)
    onTestFinished(() => { watch.disconnect() })
    const news = async (): Promise<number> => await watch.xlen('vel:news:test')
    const told = await news()
    b.child.kill('SIGSTOP')
    await watch.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await swap(4)
    await expect.poll(news, LATER).toBeGreaterThan(told)
    b.child.kill('SIGCONT')
    await expect.poll(people, LATER).toBe(4)
  })

  test('a Redis that hangs makes nobody wait for it', async () => {
    const redis = await startRedis()
    const a = await startReplica(await writeSmallIndex(), redis.url, { LINK_TIMEOUT_MS: '3000' })
    expect(await a.linked(0)).toBe('Q1')
    redis.process().kill('SIGSTOP')
    for (let i = 1; i < 6; i++) expect(await a.linked(i)).toBe(`Q${(i >> 1) + 1}`)
    await add(a, 'Q900', 30)
    expect(await a.linked(30)).toBe('Q900')
    redis.process().kill('SIGCONT')
  })

  test('a key has one rate limit on all replicas, and one on each while Redis is gone', async () => {
    const redis = await startRedis()
    const env = { RATE_LIMIT_PER_MINUTE: '4' }
    const [a, b] = await Promise.all([
      startReplica(await writeSmallIndex(), redis.url, env),
      startReplica(await writeSmallIndex(), redis.url, env)
    ])
    const ask = async (of: typeof a): Promise<number> => (await of.fetch('GET', '/entities/Q1')).status
    const statuses: number[] = []
    for (let i = 0; i < 3; i++) for (const of of [a, b]) statuses.push(await ask(of))
    expect(statuses).toEqual([200, 200, 200, 200, 429, 429])
    await redis.kill()
    // Each has seen three of them itself.
    expect([await ask(a), await ask(a), await ask(b), await ask(b)]).toEqual([200, 429, 200, 429])
    // An empty Redis counts anew, for both.
    await redis.start()
    await expect.poll(async () => await ask(a), { timeout: 20_000 }).toBe(200)
    // The other may take a little longer to have it back.
    await expect.poll(async () => await ask(b), { timeout: 20_000 }).toBe(200)
    const after: number[] = []
    for (let i = 0; i < 3; i++) after.push(await ask(b))
    expect(after).toEqual([200, 200, 429])
  })
})
