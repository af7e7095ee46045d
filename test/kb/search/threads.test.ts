import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { createKnowledgeBase, openIndex, type IndexedKnowledgeBase } from '../../../src/kb/search/open-index.ts'
import { openLiveIndex } from '../../../src/kb/live/live-index.ts'
import { readIndex } from '../../../src/kb/search/read-index.ts'
import { startSearchThreads, type SearchThreads } from '../../../src/kb/search/threads.ts'
import { writeIndex } from '../../../src/kb/build/write-index.ts'
import { content, identity, seededEntities, seededVectors, temporaryFolder } from '../../helpers/build-small-index.ts'
import { remove } from '../../helpers/open-live-index.ts'

const vectors = seededVectors(300)
const queries = seededVectors(20, 7)

async function writtenIndex (dir?: string, from = 0): Promise<string> {
  dir ??= join(await temporaryFolder(), 'index')
  const chosen = vectors.slice(from, from + 200)
  await writeIndex(dir, content(seededEntities(200), chosen, chosen.map((_, row) => row)))
  return dir
}

/** Opens an index with threads, whatever its size. */
async function openThreaded (dir: string): Promise<{ kb: IndexedKnowledgeBase, threads: SearchThreads }> {
  const parts = await readIndex(dir, 3)
  const threads = await startSearchThreads(parts.spaces, 2)
  return { kb: createKnowledgeBase(parts, threads), threads }
}

async function idsOf (kb: Pick<IndexedKnowledgeBase, 'search'>, query: Float32Array): Promise<string[]> {
  return (await kb.search('face', query, 10)).map(({ entity, similarity }) => `${entity.id} ${similarity}`)
}

test('threads find what is found without them, in concurrent searches', async () => {
  const dir = await writtenIndex()
  const { kb, threads } = await openThreaded(dir)
  onTestFinished(kb.close)
  const alone = await openIndex(dir, {})
  expect(threads.ids()).toHaveLength(2)
  const found = await Promise.all(queries.map(async query => await idsOf(kb, query)))
  for (const [i, query] of queries.entries()) expect(found[i]).toEqual(await idsOf(alone, query))
  expect(await threads.search('name', queries[0]!, 1)).toBeNull()
})

test('threads search large spaces only, and in a service only', async () => {
  const many = seededVectors(1990, 2, 3040)
  const dir = join(await temporaryFolder(), 'index')
  const face = { encoder: { ...identity, dims: 3040 }, entityRows: Uint32Array.from(many.keys()), read: async (i: number) => many[i]! }
  await writeIndex(dir, { ...content(seededEntities(1990), [], []), spaces: { face } })
  const running = (): number => (process.report.getReport() as unknown as { workers: unknown[] }).workers.length
  const before = running()
  const alone = await openIndex(dir, {})
  const small = await openIndex(await writtenIndex(), {}, { threads: 2 })
  expect(running()).toBe(before)
  const kb = await openIndex(dir, {}, { threads: 2 })
  expect(running()).toBe(before + 2)
  expect(await idsOf(kb, many[17]!)).toEqual(await idsOf(alone, many[17]!))
  await Promise.all([kb.close(), small.close()])
  expect(running()).toBe(before)
})

test('searches in threads that are closed are still answered', async () => {
  const { kb, threads } = await openThreaded(await writtenIndex())
  const expected = await Promise.all(queries.map(async query => await idsOf(kb, query)))
  const asked = queries.map(async query => await idsOf(kb, query))
  await threads.close()
  expect(await Promise.all(asked)).toEqual(expected)
  expect(threads.ids()).toEqual([])
  expect(await idsOf(kb, queries[0]!)).toEqual(expected[0])
})

test('a thread that died is replaced', async () => {
  const { kb, threads } = await openThreaded(await writtenIndex())
  onTestFinished(kb.close)
  const before = threads.ids()
  const expected = await idsOf(kb, queries[0]!)
  // An invalid query: the thread dies.
  for (let n = 0; n < before.length; n++) expect(await threads.search('face', null as unknown as Float32Array, 3)).toBeNull()
  expect(threads.ids().filter(id => before.includes(id))).toEqual([])
  expect(await idsOf(kb, queries[0]!)).toEqual(expected)
  await expect.poll(() => threads.ids().length, { timeout: 20_000 }).toBe(2)
  expect((await threads.search('face', queries[0]!, 10))!.rows).toHaveLength(10)
})

test('a thread that does not start is logged once, tried again, and logged when it runs', async () => {
  const parts = await readIndex(await writtenIndex(), 3)
  const said: string[] = []
  const threads = await startSearchThreads(parts.spaces, 2, (level, sentence) => { said.push(`${level}: ${sentence}`) })
  const kb = createKnowledgeBase(parts, threads)
  onTestFinished(kb.close)
  const expected = await idsOf(kb, queries[0]!)
  // Without bytes a start fails in the thread; with a function, which cannot be cloned, before there is one.
  const memory = parts.spaces.face!.vectors as unknown as Record<string, unknown>
  const { bytes } = memory
  memory['bytes'] = null
  for (let n = 0; n < 2; n++) expect(await threads.search('face', null as unknown as Float32Array, 3)).toBeNull()
  await expect.poll(() => said.length, { timeout: 20_000 }).toBe(2)
  memory['bytes'] = () => {}
  expect(await idsOf(kb, queries[0]!)).toEqual(expected)
  await setTimeout(2500)
  memory['bytes'] = bytes
  await expect.poll(() => threads.ids().length, { timeout: 20_000 }).toBe(2)
  expect(said.sort()).toEqual([
    'info: search thread 1 runs again',
    'info: search thread 2 runs again',
    expect.stringMatching(/^warn: search thread 1 does not start, and is tried again: .+; without one, searches hold up everything else$/),
    expect.stringMatching(/^warn: search thread 2 does not start/)
  ])
}, 60_000)

test('each search sees one index, whole, while indexes are swapped', async () => {
  const dir = await writtenIndex()
  const open = async (): Promise<IndexedKnowledgeBase> => (await openThreaded(dir)).kb
  const live = await openLiveIndex({ dir, open, recipe: identity.recipe, writable: true, say: () => {} })
  onTestFinished(live.close)
  const expected = new Map([[live.view().info.version, await idsOf(live.view(), queries[0]!)]])
  const seen = new Map<string, number>()
  const stop = new AbortController()
  const clients = Array.from({ length: 4 }, async () => {
    while (!stop.signal.aborted) {
      await live.use(async view => {
        const found = await idsOf(view, queries[0]!)
        seen.set(view.info.version, (seen.get(view.info.version) ?? 0) + 1)
        expect(found).toEqual(expected.get(view.info.version))
      })
    }
  })
  for (let n = 1; n <= 4; n++) {
    await writtenIndex(dir, 20 * n)
    const { kb, threads } = await openThreaded(dir)
    expected.set(kb.info.version, await idsOf(kb, queries[0]!))
    await threads.close()
    await live.reload()
  }
  await expect.poll(() => seen.size).toBe(5)
  stop.abort()
  await Promise.all(clients)
})

test('threads do not find deleted entities', async () => {
  const dir = await writtenIndex()
  const open = async (): Promise<IndexedKnowledgeBase> => (await openThreaded(dir)).kb
  const live = await openLiveIndex({ dir, open, recipe: identity.recipe, writable: true, say: () => {} })
  onTestFinished(live.close)
  const [first] = await live.view().search('face', vectors[3]!, 1)
  expect(first!.entity.id).toBe('Q4')
  await live.change(remove('Q4'))
  expect((await live.view().search('face', vectors[3]!, 199)).map(({ entity }) => entity.id)).not.toContain('Q4')
})
