import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { toBase64 } from '../../src/math/vector.ts'
import { writeIndex } from '../../src/kb/build/write-index.ts'
import { content, seededEntities, temporaryFolder } from '../helpers/build-small-index.ts'
import { photo } from '../helpers/live-linker.ts'
import { imageOf, vectors } from '../helpers/open-live-index.ts'
import { describeWithRedis, startRedis } from '../helpers/redis.ts'
import { LATER, startReplica } from '../helpers/replicas.ts'

const INDEXED = 'Ursula Unforgotten'
const ADDED = 'Zacharias Zenith'

/** An index whose first person is named in its report too. */
async function indexWithReport (): Promise<string> {
  const dir = join(await temporaryFolder(), 'index')
  const [first, ...others] = seededEntities(10)
  const small = content([{ ...first!, name: INDEXED }, ...others], vectors, Array.from({ length: 20 }, (_, i) => i >> 1))
  const images = Array.from({ length: 20 }, (_, i) => imageOf(i))
  await writeIndex(dir, {
    ...small,
    spaces: { face: { ...small.spaces.face!, images } },
    report: () => ({
      photoProblems: [{ id: 'Q1', photo: 'ursula.jpg', problem: 'no face', detail: '' }, { id: 'Q2', photo: 'second.jpg' }],
      alike: { from: 0.7, pairs: [{ ids: ['Q1', 'Q2'], photos: ['ursula2.jpg', 'b.jpg'], similarity: 0.8 }] }
    })
  })
  return dir
}

async function filesIn (folder: string): Promise<Map<string, Buffer>> {
  const found = (await readdir(folder, { recursive: true, withFileTypes: true })).filter(entry => entry.isFile())
  const paths = found.map(({ parentPath, name }) => join(parentPath, name))
  const read = await Promise.all(paths.map(async path => [path.slice(folder.length + 1), await readFile(path)] as const))
  return new Map(read)
}

/** Every key, with its name and value as Redis would write them to a disk. */
async function keysIn (redis: Redis): Promise<Map<string, Buffer>> {
  await redis.config('SET', 'rdbcompression', 'no')
  const keys = await redis.keys('*')
  const dump = async (key: string): Promise<Buffer> => Buffer.concat([Buffer.from(key), await redis.dumpBuffer(key) ?? Buffer.of()])
  return new Map(await Promise.all(keys.map(async key => [key, await dump(key)] as const)))
}

const rawBytes = (i: number): Buffer => Buffer.from(vectors[i]!.buffer, vectors[i]!.byteOffset, vectors[i]!.byteLength)

/** Where one of the texts or bytes is. */
function whereIs (places: ReadonlyMap<string, Buffer>, ...what: Array<string | Buffer>): string[] {
  return [...places].filter(([, bytes]) => what.some(one => bytes.includes(one))).map(([name]) => name).sort()
}

describeWithRedis('erasure', () => {
  test('G3: of a deleted person nothing is left in files and Redis after ERASE_AFTER_S, but the id in the changes', async () => {
    const server = await startRedis()
    const redis = new Redis(server.url)
    onTestFinished(() => { redis.disconnect() })
    const dirs = [await indexWithReport(), await indexWithReport()]
    const env = { ERASE_AFTER_S: '2' }
    const [a, b] = await Promise.all(dirs.map(async dir => await startReplica(dir, server.url, env))) as [
      Awaited<ReturnType<typeof startReplica>>, Awaited<ReturnType<typeof startReplica>>
    ]
    await expect.poll(async () => (await a.fetch('GET', '/health/ready')).json.cache.state, LATER).toBe('ready')
    expect((await a.fetch('PUT', '/entities/Q900', { name: ADDED })).status).toBe(201)
    expect((await a.fetch('POST', '/entities/Q900/images', photo({ vector: 30 }))).status).toBe(201)
    const { image } = (await a.fetch('POST', '/entities/Q3/images', photo({ vector: 31 }))).json
    await expect.poll(async () => [await b.linked(30), await b.linked(31)], LATER).toEqual(['Q900', 'Q3'])
    for (const of of [a, b]) expect([await of.linked(30), await of.linked(0)]).toEqual(['Q900', 'Q1'])
    const search = async (...what: Array<string | Buffer>): Promise<string[]> => {
      const folders = await Promise.all(dirs.map(async dir => await filesIn(dirname(dir))))
      return [...folders, await keysIn(redis)].flatMap(places => whereIs(places, ...what))
    }
    const ofAdded = [ADDED, toBase64(vectors[30]!), rawBytes(30)]
    const ofIndexed = [INDEXED, 'ursula', imageOf(0), Buffer.from(BigUint64Array.of(BigInt(`0x${imageOf(0)}`)).buffer)]
    const ofPhoto = [toBase64(vectors[31]!), rawBytes(31)]
    // The search finds what is there.
    expect(await search(...ofAdded)).toEqual(expect.arrayContaining(['index.changes', 'vel:changes:test']))
    expect(await search(ADDED)).toEqual(expect.arrayContaining([expect.stringMatching(/^vel:link:[0-9a-f]{64}$/)]))
    expect(await search(...ofIndexed)).toEqual(expect.arrayContaining(['index/entities.jsonl', 'index/report.json', 'index/face.images']))
    expect(await search(...ofPhoto)).not.toEqual([])

    expect((await a.fetch('DELETE', '/entities/Q900')).status).toBe(204)
    expect((await b.fetch('DELETE', '/entities/Q1')).status).toBe(204)
    expect((await b.fetch('DELETE', `/entities/Q3/images/${image}`)).status).toBe(204)
    // In Redis at once.
    await expect.poll(async () => whereIs(await keysIn(redis), ...ofAdded, ...ofIndexed, ...ofPhoto), { timeout: 1000 }).toEqual([])
    await expect.poll(async () => await search(...ofAdded, ...ofIndexed, ...ofPhoto), { timeout: 20_000, interval: 250 }).toEqual([])
    for (const id of ['Q900', '"Q1"']) expect(await search(id)).toEqual(['index.changes', 'index.changes', 'vel:changes:test'])
    const report = await readFile(join(dirs[0]!, 'report.json'), 'utf8')
    expect(JSON.parse(report)).toEqual({ photoProblems: [{ id: 'Q2', photo: 'second.jpg' }], alike: { from: 0.7, pairs: [] } })
    for (const of of [a, b]) expect(of.log()).not.toMatch(/Zenith|Unforgotten|Q900/)
    expect([await a.linked(2), await b.linked(2)]).toEqual(['Q2', 'Q2'])
  })

  test('G3: results in Redis that name a person who was deleted while Redis was away are gone when it is back', async () => {
    const server = await startRedis()
    const redis = new Redis(server.url)
    onTestFinished(() => { redis.disconnect() })
    const dir = await indexWithReport()
    const a = await startReplica(dir, server.url)
    await expect.poll(async () => (await a.fetch('GET', '/health/ready')).json.cache.state, LATER).toBe('ready')
    expect(await a.linked(0)).toBe('Q1')
    await expect.poll(async () => whereIs(await keysIn(redis), INDEXED), LATER).toHaveLength(1)
    await redis.call('CLIENT', 'PAUSE', '1500', 'ALL')
    expect((await a.fetch('DELETE', '/entities/Q1')).status).toBe(204)
    await expect.poll(async () => whereIs(await keysIn(redis), INDEXED), LATER).toEqual([])
  })
})
