import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { findDuplicateFaces } from '../../../src/kb/build/duplicate-faces.ts'
import { createPca, highest, openPca, principalComponents, project } from '../../../src/kb/search/pca.ts'
import { createGraph } from '../../../src/kb/search/hnsw.ts'
import { createRandom, perturb } from '../../../src/math/random.ts'
import { createSearcher, openSearcher } from '../../../src/kb/search/searcher.ts'
import { hashFile } from '../../../src/kb/storage/atomic-folder.ts'
import { openTable, encodeTable } from '../../../src/kb/search/vector-table.ts'
import { dot, normalize } from '../../../src/math/vector.ts'
import { seededVectors } from '../../helpers/build-small-index.ts'
import { plainAbove } from '../../helpers/plain-kernels.ts'

const DIMS = 64
const random = createRandom(5)
/** Eight of 64 directions hold most of the variance. */
const vectors = seededVectors(3000, 6, 8).map(v => perturb(Float32Array.from({ length: DIMS }, (_, d) => v[d] ?? 0), 0.9, random))
const table = openTable(encodeTable('int8', vectors, DIMS))
const { components } = principalComponents(table)

test('components are orthonormal, in order of variance', () => {
  const component = (i: number): Float32Array => components.subarray(i * DIMS, (i + 1) * DIMS)
  for (const i of [0, 1, 63]) for (const j of [0, 1, 63]) expect(dot(component(i), component(j))).toBeCloseTo(i === j ? 1 : 0, 5)
  const variance = (i: number): number => vectors.reduce((sum, v) => sum + dot(v, component(i)) ** 2, 0)
  expect(Math.min(...[0, 1, 2, 3, 4, 5, 6, 7].map(variance))).toBeGreaterThan(5 * variance(8))
})

test('the nearest vectors are among the candidates', () => {
  const findCandidates = openPca(createPca(table, components, 16))
  for (const query of [3, 700, 2999].map(i => perturb(vectors[i]!, 0.8, random))) {
    const nearest = vectors.map((v, i) => ({ i, similarity: dot(v, query) })).sort((a, b) => b.similarity - a.similarity).slice(0, 10)
    const found = findCandidates(query, 300)
    expect(found.length).toBeGreaterThanOrEqual(300)
    expect(found.length).toBeLessThan(1500)
    for (const { i } of nearest) expect([...found]).toContain(i)
  }
})

test('at least the wanted number of candidates is found, wherever the highest are', () => {
  const among = (values: Float32Array, wanted: number): number[] => [...highest(values, wanted, least => plainAbove(values, least))]
  expect(among(Float32Array.from([0.1, 0.2]), 5)).toEqual([0, 1])
  expect(among(new Float32Array(0), 5)).toEqual([])
  // All sampled scores are low; or all scores are equal.
  const hidden = Float32Array.from({ length: 1000 }, (_, i) => i % 32 === 0 ? -0.5 : i / 1000)
  expect(among(hidden, 10)).toEqual(expect.arrayContaining([999, 998, 997, 996, 995]))
  expect(among(new Float32Array(1000), 10)).toHaveLength(1000)
})

test('an entity is found once by its best vector, even if all the nearest vectors are of one entity', () => {
  const count = 400
  const near = Array.from({ length: 300 }, () => perturb(vectors[0]!, 0.95, random))
  const all = [...near, ...vectors.slice(1, count - 299)]
  const entityRows = Uint32Array.from(all, (_, i) => Math.max(0, i - 299))
  const first = Uint32Array.from({ length: entityRows.at(-1)! + 2 }, (_, row) => row === 0 ? 0 : row + 299)
  const own = encodeTable('int8', all, DIMS)
  const pca = createPca(openTable(own), components, 16)
  const exact = createSearcher({ vectors: own, entityRows, first, pca: null })(vectors[0]!, 20)
  const found = createSearcher({ vectors: own, entityRows, first, pca: { ...pca, candidates: 20 } })(vectors[0]!, 20)
  expect(found.rows[0]).toBe(0)
  expect(found.rows).toHaveLength(20)
  expect(found.similarities[0]).toBe(exact.similarities[0])
  expect(new Set(found.rows).size).toBe(20)
})

test('every search finds the same duplicates, each pair once, none within one entity', async () => {
  const twins = [...vectors.slice(0, 600), ...[5, 17, 300].map(i => perturb(vectors[i]!, 0.97, random)), normalize(vectors[9]!.slice())]
  const own = encodeTable('int8', twins, DIMS)
  // 603 is another photo of entity 9.
  const entityRows = Uint32Array.from(twins, (_, i) => i === 603 ? 9 : i)
  const first = components.slice(0, 16 * DIMS)
  const graph = await createGraph(16, twins.length, { M: 16, efConstruction: 200, seed: 1 })
  twins.forEach((v, i) => { graph.add(i, project(first, v, new Float32Array(16))) })
  const byScan = await findDuplicateFaces(openTable(own), entityRows, { graph: null, pca: null })
  const byPca = await findDuplicateFaces(openTable(own), entityRows, { graph: null, pca: createPca(openTable(own), components, 16) })
  const byGraph = await findDuplicateFaces(openTable(own), entityRows, { graph: { graph, components: first }, pca: null })
  const pairs = (found: typeof byScan): string[] => found.map(({ a, b }) => `${a} ${b}`)
  expect(pairs(byScan)).toEqual(expect.arrayContaining(['5 600', '17 601', '300 602']))
  expect(pairs(byScan)).not.toContain('9 603')
  expect(new Set(pairs(byScan)).size).toBe(byScan.length)
  expect(pairs(byPca).sort()).toEqual(pairs(byScan).sort())
  expect(pairs(byGraph)).toEqual(expect.arrayContaining(['5 600', '17 601', '300 602']))
})

test('of too many duplicates the most similar are reported', async () => {
  const one = seededVectors(1, 1, DIMS)[0]!
  const copies = Array.from({ length: 200 }, (_, i) => perturb(one, i < 40 ? 0.999 : 0.9, random))
  const table = openTable(encodeTable('int8', copies, DIMS))
  const found = await findDuplicateFaces(table, Uint32Array.from(copies.keys()), { graph: null, pca: null })
  expect(found).toHaveLength(1000)
  // 40 copies make 780 pairs.
  expect(found.slice(0, 780).every(({ a, b }) => a < 40 && b < 40)).toBe(true)
})

test('where a graph does not reach enough entities the search is flat, and ends', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'vel-graph-'))
  onTestFinished(async () => { await rm(folder, { recursive: true }) })
  const some = vectors.slice(0, 2000)
  const first = components.slice(0, 16 * DIMS)
  // Of the 2,000 vectors the graph has three.
  const graph = await createGraph(16, some.length, { M: 16, efConstruction: 100, seed: 1 })
  for (const row of [0, 1, 2]) graph.add(row, project(first, some[row]!, new Float32Array(16)))
  const path = join(folder, 'face.hnsw')
  await graph.write(path)
  const own = encodeTable('int8', some, DIMS)
  const rows = Uint32Array.from(some.keys())
  const space = { vectors: own, entityRows: rows, first: Uint32Array.from({ length: some.length + 1 }, (_, row) => row), pca: null }
  const file = { path, sha256: (await hashFile(path)).sha256, components: first, ef: 100, candidates: 50 }
  const byGraph = await openSearcher({ ...space, graph: file })
  const flat = createSearcher(space)
  for (const k of [10, 1500]) expect(byGraph(vectors[7]!, k)).toEqual(flat(vectors[7]!, k))
})
