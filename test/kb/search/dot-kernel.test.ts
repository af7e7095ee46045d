import { readFile } from 'node:fs/promises'
import wabt from 'wabt'
import { expect, test } from 'vitest'
import { allocateKernel } from '../../../src/kb/search/dot-kernel.ts'
import { DOT_KERNEL_MODULE } from '../../../src/kb/search/dot-kernel-module.ts'
import { allocateTable, openTable, encodeTable, tableOf } from '../../../src/kb/search/vector-table.ts'
import { ENCODINGS } from '../../../src/kb/storage/manifest.ts'
import { seededVectors } from '../../helpers/build-small-index.ts'
import { plainAbove, plainScan } from '../../helpers/plain-kernels.ts'

test('the compiled module is the one in dot-kernel.wat', async () => {
  const { parseWat } = await wabt()
  const text = await readFile(new URL('../../../src/kb/search/dot-kernel.wat', import.meta.url))
  const source = parseWat('dot-kernel.wat', text, { simd: true, threads: true })
  expect(Buffer.from(source.toBinary({}).buffer).toString('base64')).toBe(DOT_KERNEL_MODULE)
})

// 16 divides the first four widths only.
const shapes = [[1, 16], [3, 512], [1001, 48], [257, 4096], [1, 1], [50, 5], [33, 20], [40, 131], [7, 4095]]

test.each(shapes)('%i vectors of %i numbers: the similarities of plain loops', (count, dims) => {
  const vectors = seededVectors(count, 3, dims)
  for (const encoding of ENCODINGS) {
    const table = tableOf(encoding, vectors, dims)
    for (const query of [...seededVectors(3, 4, dims), vectors[0]!]) {
      const plain = plainScan(table, query)
      table.scan(query).forEach((similarity, row) => { expect(Math.abs(similarity - plain[row]!)).toBeLessThan(1e-4) })
      const [all, from] = [[...table.scan(query)], count >> 1]
      expect([...table.scan(query, from).subarray(from)]).toEqual(all.slice(from))
      expect(table.scanSome(query, [count - 1])[0]).toBe(all[count - 1])
      table.scan(query)
      for (const least of [-Infinity, 0, 0.1, 2]) {
        for (const start of [0, from, count - 1]) expect(table.above(least, start)).toEqual(plainAbove(all, least, start))
      }
      const some = [0, from, count - 1].slice(0, count)
      expect([...table.scanSome(query, some).subarray(0, some.length)]).toEqual(some.map(row => all[row]))
    }
  }
})

test.each(['int8', 'int16'] as const)('the largest numbers do not overflow %s', encoding => {
  const dims = 4096
  const flat = new Float32Array(dims).fill(1 / Math.sqrt(dims))
  const spike = Float32Array.from({ length: dims }, (_, d) => d === 17 ? 1 : 0)
  const table = tableOf(encoding, [flat, spike, flat.map(x => -x)], dims)
  const rounded = (query: Float32Array): number[] => [...table.scan(query)].map(s => Math.round(s * 1000) / 1000)
  expect(rounded(flat)).toEqual([1, 0.016, -1])
  expect(rounded(spike)).toEqual([0.016, 1, -0.016])
  expect([...table.scan(new Float32Array(dims))]).toEqual([0, 0, 0])
})

test.each(ENCODINGS)('%s: what stands in the slots does not reach the last row, whose width 16 does not divide', encoding => {
  const table = encodeTable(encoding, seededVectors(3, 1, 20), 20)
  const [query] = seededVectors(1, 2, 20)
  const expected = [...openTable(table).scan(query!)]
  openTable(table, 0).scan(new Float32Array(20).fill(NaN))
  expect([...openTable(table, 1).scan(query!)]).toEqual(expected)
})

test('a table without vectors has no similarities', () => {
  const table = openTable(allocateTable('int16', 0, 32))
  expect(table.scan(new Float32Array(32))).toHaveLength(0)
  expect(table.scanSome(new Float32Array(32), [])).toHaveLength(0)
  expect(table.above(-1)).toHaveLength(0)
})

test('a table has the size of its file, and at most 4 GiB', () => {
  expect(allocateKernel({ encoding: 'int8', count: 4, dims: 20 }).bytes).toHaveLength(4 * 4 + 4 * 20)
  const tooMany = { encoding: 'float32', count: 1 << 21, dims: 512 } as const
  expect(() => allocateKernel(tooMany)).toThrow('Expected vectors that fit in 4 GiB of memory, received 2097152 of 512 float32')
})

test('slots of one memory do not overwrite each other', () => {
  const vectors = seededVectors(100, 3, 32)
  const table = encodeTable('int8', vectors, 32)
  const [one, other] = [openTable(table, 0), openTable(table, 2)]
  const similarities = one.scan(vectors[7]!)
  other.scan(vectors[8]!)
  expect(similarities.indexOf(Math.max(...similarities))).toBe(7)
})
