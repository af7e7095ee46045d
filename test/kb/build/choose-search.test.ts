import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { chooseEncoding } from '../../../src/kb/build/choose-encoding.ts'
import { chooseSearch } from '../../../src/kb/build/choose-search.ts'
import { normalize } from '../../../src/math/vector.ts'
import { openIndex } from '../../../src/kb/search/open-index.ts'
import { createRandom, perturb } from '../../../src/math/random.ts'
import { encodeTable } from '../../../src/kb/search/vector-table.ts'
import { writeIndex } from '../../../src/kb/build/write-index.ts'
import { content, seededEntities, seededVectors, temporaryFolder } from '../../helpers/build-small-index.ts'

/** Vectors whose variance is in few directions, like those of faces. */
function lowRankVectors (count: number): Float32Array[] {
  const random = createRandom(11)
  return seededVectors(count, 6, 8).map(v => perturb(Float32Array.from({ length: 128 }, (_, d) => v[d] ?? 0), 0.98, random))
}

test('few vectors are searched flat, and a wish for a graph is answered by a sentence', async () => {
  const memory = encodeTable('int8', seededVectors(100), 32)
  expect(await chooseSearch(memory)).toMatchObject({ search: { kind: 'exact' }, graph: null, pca: null })
  const { search, note } = await chooseSearch(memory, { kind: 'hnsw' })
  expect(search).toEqual({ kind: 'exact' })
  expect(note).toBe('100 vectors are searched flat: with fewer than 2000 there is nothing to gain')
})

test('below 20,000 vectors the choice is flat, whatever the machine', async () => {
  expect((await chooseSearch(encodeTable('int8', seededVectors(2500), 32))).search).toEqual({ kind: 'exact' })
})

test('PCA gets the fewest components that reach the recall, for photos and for strangers', async () => {
  const { search, graph, pca } = await chooseSearch(encodeTable('int8', lowRankVectors(2500), 128), { kind: 'pca' })
  expect(search).toMatchObject({ kind: 'pca', dims: 64 })
  if (search.kind !== 'pca') throw new Error('no PCA')
  expect(search.recallAt10).toBeGreaterThanOrEqual(0.99)
  expect(search.recallOfStrangers).toBeGreaterThanOrEqual(0.985)
  expect(pca!.codes.dims).toBe(64)
  expect(graph).toBeNull()
})

test('a graph is over the components that hold the variance, and two builds are equal', async () => {
  const memory = encodeTable('int8', lowRankVectors(2500), 128)
  const added: number[] = []
  const first = await chooseSearch(memory, { kind: 'hnsw', onAdded: done => { added.push(done) } })
  expect(added.at(-1)).toBe(2500)
  expect(first.search).toMatchObject({ kind: 'hnsw', M: 32, efConstruction: 100, candidates: 50 })
  if (first.search.kind !== 'hnsw') throw new Error('no graph')
  expect(first.search.dims).toBeLessThan(128)
  expect(first.search.recallAt10).toBeGreaterThanOrEqual(0.99)
  expect(first.graph!.graph.count).toBe(2500)
  expect((await chooseSearch(memory, { kind: 'hnsw' })).search).toEqual(first.search)
})

test('vectors without principal components to search by are searched flat, and refused by name', async () => {
  const memory = encodeTable('int8', seededVectors(2500, 4, 64), 64)
  await expect(chooseSearch(memory, { kind: 'hnsw' })).rejects.toThrow(/recall@10 of 0.99 by hnsw, received less .*--search flat/)
})

test('the smallest encoding with an acceptable loss is taken', async () => {
  const choose = async (vectors: readonly Float32Array[]): ReturnType<typeof chooseEncoding> => {
    return await chooseEncoding(vectors.length, vectors[0]!.length, async i => vectors[i]!)
  }
  const spread = await choose(seededVectors(200, 5, 512))
  expect(spread).toMatchObject({ encoding: 'int8', loss: { int8: { top1Kept: 1 } } })
  expect(spread.loss.int8!.largestError).toBeLessThan(0.005)
  // One large number leaves too few steps of int8 for the others.
  const spiked = seededVectors(200, 5, 16).map(v => normalize(Float32Array.from(v, (x, d) => d === 0 ? 0.995 : x * 0.1)))
  expect(await choose(spiked)).toMatchObject({ encoding: 'int16', loss: { int16: { top1Kept: 1 } } })
  expect((await chooseEncoding(0, 16, async () => { throw new Error('there are none') })).encoding).toBe('int8')
})

test('an index that is tuned in a child process holds its search', async () => {
  const dir = join(await temporaryFolder(), 'index')
  const vectors = seededVectors(2100)
  const stages = new Set<string>()
  await writeIndex(dir, content(seededEntities(2100), vectors, vectors.map((_, row) => row)), stage => stages.add(stage))
  expect([...stages]).toEqual(['vectors', 'cohort', 'duplicates'])
  const manifest = JSON.parse(await readFile(join(dir, 'manifest.json'), 'utf8')) as { spaces: { face: { search: object } } }
  expect(manifest.spaces.face.search).toEqual({ kind: 'exact' })
  const kb = await openIndex(dir, {})
  expect((await kb.search('face', vectors[42]!, 1))[0]!.entity.id).toBe('Q43')
})
