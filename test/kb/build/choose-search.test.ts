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
  return seededVectors(count, 6, 8).map(v => perturb(Float32Array.from({ length: 64 }, (_, d) => v[d] ?? 0), 0.98, random))
}

test('few vectors are searched flat', async () => {
  const choice = await chooseSearch(encodeTable('int8', seededVectors(100), 32))
  expect(choice).toMatchObject({ search: { kind: 'exact' }, graph: null, pca: null })
})

test('no other search is tried where flat search is fast enough', async () => {
  const choice = await chooseSearch(encodeTable('int8', seededVectors(2500), 32), { worthwhileMs: 1000 })
  expect(choice).toMatchObject({ search: { kind: 'exact' }, graph: null, pca: null })
})

test('PCA gets the fewest components that keep a recall of 0.99', async () => {
  const table = encodeTable('int8', lowRankVectors(2500), 64)
  const { search, msPerQuery, graph, pca } = await chooseSearch(table, { worthwhileMs: -Infinity, slowMs: Infinity })
  // A recall that 200 candidates reach, 1000 reach too.
  expect(search).toMatchObject({ kind: 'pca', dims: 32 })
  expect(search.kind === 'pca' && [200, 1000]).toContain(search.kind === 'pca' && search.candidates)
  expect(search.kind === 'pca' && search.recallAt10).toBeGreaterThanOrEqual(0.99)
  expect(msPerQuery.pca).toBeGreaterThan(0)
  expect(pca!.codes.dims).toBe(32)
  expect(graph).toBeNull()
})

test('many candidates make up for few components', async () => {
  const spread = seededVectors(4000, 9, 64)
  const { search } = await chooseSearch(encodeTable('int16', spread, 64), { worthwhileMs: -Infinity, slowMs: Infinity })
  expect(search).toMatchObject({ kind: 'pca', candidates: 1000 })
  expect(search.kind === 'pca' && search.recallAt10).toBeGreaterThanOrEqual(0.99)
})

test('a graph is tried where the others are slow, and taken only with a recall of 0.99 or more', async () => {
  const added: number[] = []
  // Of 32 directions of equal variance no subset is enough.
  const options = { onAdded: (done: number) => { added.push(done) }, worthwhileMs: -Infinity, slowMs: -Infinity }
  const { search, msPerQuery, graph } = await chooseSearch(encodeTable('int8', seededVectors(2500), 32), options)
  expect(added.at(-1)).toBe(2500)
  expect(msPerQuery.exact).toBeGreaterThan(0)
  expect(msPerQuery.hnsw).toBeGreaterThan(0)
  expect(search).toMatchObject({ kind: 'hnsw', M: 16, efConstruction: 200 })
  expect(search.kind === 'hnsw' && search.recallAt10).toBeGreaterThanOrEqual(0.99)
  expect(graph!.count).toBe(2500)
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

test('an index that is tuned in a child process holds its measurements', async () => {
  const dir = join(await temporaryFolder(), 'index')
  const vectors = seededVectors(2100)
  const stages = new Set<string>()
  await writeIndex(dir, content(seededEntities(2100), vectors, vectors.map((_, row) => row)), stage => stages.add(stage))
  expect([...stages]).toEqual(['vectors', 'cohort', 'duplicates'])
  const manifest = JSON.parse(await readFile(join(dir, 'manifest.json'), 'utf8')) as { spaces: { face: { msPerQuery: object } } }
  expect(Object.keys(manifest.spaces.face.msPerQuery)).toEqual(['exact'])
  const kb = await openIndex(dir, {})
  expect((await kb.search('face', vectors[42]!, 1))[0]!.entity.id).toBe('Q43')
})
