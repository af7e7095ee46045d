import { expect, test } from 'vitest'
import { dot } from '../../../src/math/vector.ts'
import { createRandom } from '../../../src/math/random.ts'
import { searchFlat } from '../../../src/kb/search/flat.ts'
import { createTop } from '../../../src/kb/search/top-k.ts'
import { tableOf } from '../../../src/kb/search/vector-table.ts'
import { seededVectors } from '../../helpers/build-small-index.ts'

test.each([['int8', 0.005], ['int16', 0.0005], ['float32', 1e-6]] as const)('%s keeps similarities', (encoding, tolerance) => {
  for (const dims of [32, 131, 512]) {
    const vectors = seededVectors(40, dims, dims)
    const table = tableOf(encoding, vectors, dims)
    const query = seededVectors(1, 99, dims)[0]!
    const similarities = [...table.scan(query)]
    vectors.forEach((v, row) => {
      expect(Math.abs(similarities[row]! - dot(v, query))).toBeLessThan(tolerance * (dims === 32 ? 3 : 1))
      expect(table.scanSome(v, [row])[0]).toBeCloseTo(1, 3)
      expect(dot(table.read(row, new Float32Array(dims)), query)).toBeCloseTo(similarities[row]!, 4)
    })
  }
})

test('a zero vector has similarity 0', () => {
  expect([...tableOf('int8', [new Float32Array(8)], 8).scan(seededVectors(1, 1, 8)[0]!)]).toEqual([0])
})

test('the best are returned in order, equal ones in order of row', () => {
  const top = createTop(3)
  for (const [row, similarity] of [[0, 0.5], [1, 0.9], [2, 0.5], [3, 0.1], [4, 0.95], [5, NaN]] as const) top.offer(row, similarity)
  expect([...top.hits().rows]).toEqual([4, 1, 0])
  expect([...createTop(0).hits().rows]).toEqual([])
})

test('a large k is answered as a small one: in order, equal ones in the order of offers', () => {
  const random = createRandom(5)
  // Many ties.
  const offered = Array.from({ length: 5000 }, () => Math.floor(random() * 900) / 900)
  const expected = offered.map((similarity, row) => ({ row, similarity })).sort((a, b) => b.similarity - a.similarity || a.row - b.row)
  for (const k of [1, 1999, 2000, 4999, 5000, 9000]) {
    const top = createTop(k)
    offered.forEach((similarity, row) => { top.offer(row, similarity) })
    const { rows, similarities } = top.hits()
    expect([...rows]).toEqual(expected.slice(0, k).map(e => e.row))
    expect([...similarities]).toEqual(expected.slice(0, k).map(e => Math.fround(e.similarity)))
  }
})

test('a k above the number of entities returns all', () => {
  const vectors = seededVectors(3)
  const hits = searchFlat(tableOf('float32', vectors, 32), Uint32Array.of(0, 0, 4), vectors[2]!, 10)
  expect([...hits.rows]).toEqual([4, 0])
})
