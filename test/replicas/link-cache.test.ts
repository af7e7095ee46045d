import { Redis } from 'ioredis'
import { expect, it, onTestFinished } from 'vitest'
import type { LinkedImage } from '../../src/types.ts'
import { createLinkCache, type LinkCache } from '../../src/replicas/link-cache.ts'
import { createFakeLinker } from '../helpers/fake-linker.ts'
import { drawImage } from '../helpers/images.ts'
import { describeWithRedis, startRedis } from '../helpers/redis.ts'

async function connect (): Promise<{ redis: Redis, cache: LinkCache }> {
  const redis = new Redis((await startRedis()).url)
  const cache = createLinkCache(redis)
  onTestFinished(cache.close)
  await expect.poll(() => redis.status).toBe('ready')
  return { redis, cache }
}

const linkOne = async (): Promise<LinkedImage> => await createFakeLinker().linkImage(await drawImage(), {})

/** A JSON copy of `linked`, with its member at `path` replaced; undefined removes it. */
function damaged (linked: LinkedImage, path: readonly string[], value: unknown): string {
  const copy = JSON.parse(JSON.stringify(linked, (name, v: unknown) => name === 'face' && v instanceof Float32Array ? [] : v))
  let parent = copy
  for (const name of path.slice(0, -1)) parent = parent[name]
  parent[path.at(-1)!] = value
  return JSON.stringify(copy)
}

describeWithRedis('the cache of results', () => {
  it('returns what was stored, without embeddings', async () => {
    const { cache } = await connect()
    const linked = await linkOne()
    await cache.set('a', linked)
    const links = linked.links.map(link => ({ ...link, mention: { ...link.mention, face: new Float32Array(0) } }))
    expect(await cache.get('a')).toEqual({ ...linked, links })
    const nil = { ...linked, links: links.map(link => ({ ...link, status: 'nil', entity: null, nilReason: 'threshold' } as const)) }
    await cache.set('b', nil)
    expect(await cache.get('b')).toEqual(nil)
    expect(await cache.get('c')).toBeNull()
  })

  it('B6: takes a value that cannot be served as a miss, and goes on with the next', async () => {
    const { redis, cache } = await connect()
    const linked = await linkOne()
    const values = [
      '', 'not json', '{}', '[]', 'true', 'null', '"x"', '{"links":[null]}', '{"links":[],"width":"x"}', '['.repeat(100_000),
      damaged(linked, ['width'], 0),
      damaged(linked, ['links', '0', 'mention', 'box', 'x2'], -1),
      damaged(linked, ['links', '0', 'mention', 'landmarks'], []),
      damaged(linked, ['links', '0', 'mention', 'quality'], undefined),
      damaged(linked, ['links', '0', 'mention', 'face'], [1]),
      damaged(linked, ['links', '0', 'status'], 'nil'),
      damaged(linked, ['links', '0', 'entity'], null),
      damaged(linked, ['links', '0', 'candidates', '0', 'entity', 'id'], '<script>'),
      damaged(linked, ['links', '0', 'candidates', '0', 'similarity', 'face'], []),
      damaged(linked, ['models', '0'], 'face'),
      damaged(linked, ['timings', 'decode'], 'fast'),
      damaged(linked, ['turnedBy'], 45)
    ]
    for (const value of values) {
      await redis.set('vel:link:a', value)
      expect([value, await cache.get('a')]).toEqual([value, null])
    }
    await redis.set('vel:link:a', damaged(linked, ['more'], 1))
    expect(await cache.get('a')).not.toHaveProperty('more')
    expect(cache.state()).toBe('ready')
    await redis.del('vel:link:a')
    await redis.hset('vel:link:a', 'x', 'y')
    expect(await cache.get('a')).toBeNull()
  })
})
