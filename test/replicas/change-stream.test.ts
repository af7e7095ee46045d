import { Redis } from 'ioredis'
import { expect, it, onTestFinished } from 'vitest'
import { stamp } from '../../src/kb/changes/change.ts'
import type { LiveIndex } from '../../src/kb/live/live-index.ts'
import type { Log } from '../../src/log.ts'
import { joinReplicas } from '../../src/replicas/change-stream.ts'
import { describeWithRedis, startRedis } from '../helpers/redis.ts'
import { openSmall, put, writeSmallIndex } from '../helpers/open-live-index.ts'

/** A replica with its own copy of the index, and the sentences it logs. */
async function join (url: string): Promise<{ live: LiveIndex, logged: string[] }> {
  const live = await openSmall(await writeSmallIndex())
  const logged: string[] = []
  const log: Log = { info: () => {}, warn: (sentence: unknown) => { logged.push(String(sentence)) } }
  const leave = joinReplicas({ live, name: 'test', redis: new Redis(url), waiting: new Redis(url), log })
  onTestFinished(async () => {
    await leave()
    await live.close()
  })
  return { live, logged }
}

const SECRET = 'someone\'s name'

describeWithRedis('values in Redis that are not ours', () => {
  it('B7: a bad field among the changes is dropped and logged, and the exchange goes on', async () => {
    const { url } = await startRedis()
    const redis = new Redis(url)
    onTestFinished(() => { redis.disconnect() })
    const first = stamp(put('Q900'), 0)
    await redis.hset('vel:changes:test', first.id, JSON.stringify(first))
    const a = await join(url)
    await expect.poll(() => a.live.view().entity('Q900')?.name).toBe('Live Q900')
    await redis.hset('vel:changes:test', { a: `not json ${SECRET}`, b: '', c: '{}', d: 'null', e: '['.repeat(10_000), f: '{"kind":"put"}' })
    const b = await join(url)
    await expect.poll(() => b.live.view().entity('Q900')?.name).toBe('Live Q900')
    await a.live.change(put('Q901'))
    await expect.poll(() => b.live.view().entity('Q901')?.name).toBe('Live Q901')
    await b.live.change(put('Q902'))
    await expect.poll(() => a.live.view().entity('Q902')?.name).toBe('Live Q902')
    expect(b.logged).toEqual([expect.stringMatching(/^6 changes in Redis cannot be read and are dropped/)])
    expect(await redis.hlen('vel:changes:test')).toBe(3)
  })

  it('B7: a bad entry of the stream is dropped and logged, and the next one is read at once', async () => {
    const { url } = await startRedis()
    const redis = new Redis(url)
    onTestFinished(() => { redis.disconnect() })
    const [a, b] = [await join(url), await join(url)]
    await a.live.change(put('Q900'))
    await expect.poll(() => b.live.view().entity('Q900')?.name).toBe('Live Q900')
    for (const text of [`not json ${SECRET}`, '', '[]', '{"from":"z","changes":[{}]}']) await redis.xadd('vel:news:test', '*', 'news', text)
    await a.live.change(put('Q901'))
    await expect.poll(() => b.live.view().entity('Q901')?.name, { timeout: 900 }).toBe('Live Q901')
    expect(b.logged).toHaveLength(4)
    expect(b.logged.join()).not.toContain(SECRET)
  })

  it('B7: a key of another type is dropped and logged, and the exchange goes on', async () => {
    const { url } = await startRedis()
    const redis = new Redis(url)
    onTestFinished(() => { redis.disconnect() })
    await redis.mset('vel:changes:test', SECRET, 'vel:news:test', SECRET)
    const [a, b] = [await join(url), await join(url)]
    await a.live.change(put('Q900'))
    await expect.poll(() => b.live.view().entity('Q900')?.name, { timeout: 5000 }).toBe('Live Q900')
    expect([...a.logged, ...b.logged].filter(sentence => sentence.includes('of another type')).length).toBeGreaterThanOrEqual(2)
    expect([...a.logged, ...b.logged].join()).not.toContain(SECRET)
  })
})
