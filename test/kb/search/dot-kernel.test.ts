import { readFile } from 'node:fs/promises'
import wabt from 'wabt'
import { expect, test } from 'vitest'
import { allocateKernel } from '../../../src/kb/search/dot-kernel.ts'
import { DOT_KERNEL_MODULE } from '../../../src/kb/search/dot-kernel-module.ts'
import { allocateTable, openTable, encodeTable, tableOf } from '../../../src/kb/search/vector-table.ts'
import { seededVectors } from '../../helpers/build-small-index.ts'

test('the compiled module is the one in scan.wat', async () => {
  const { parseWat } = await wabt()
  const source = parseWat('scan.wat', await readFile(new URL('../../../src/kb/search/dot-kernel.wat', import.meta.url)), { simd: true, threads: true })
  expect(Buffer.from(source.toBinary({}).buffer).toString('base64')).toBe(DOT_KERNEL_MODULE)
})

test.each([[1, 16], [3, 512], [1001, 48], [257, 4096]])('%i vectors of %i numbers give the similarities of plain loops', (count, dims) => {
  const vectors = seededVectors(count, 3, dims)
  for (const table of [tableOf('int8', vectors, dims), tableOf('int16', vectors, dims), tableOf('float32', vectors, dims)]) {
    for (const query of [...seededVectors(3, 4, dims), vectors[0]!]) {
      const plain = vectors.map((_, row) => table.similarity(row, query))
      table.scan(query).forEach((similarity, row) => { expect(Math.abs(similarity - plain[row]!)).toBeLessThan(1e-4) })
      const [all, from] = [[...table.scan(query)], count >> 1]
      expect([...table.scan(query, from).subarray(from)]).toEqual(all.slice(from))
      expect(table.scanSome(query, [count - 1])[0]).toBe(all[count - 1])
      table.scan(query)
      for (const least of [-Infinity, 0, 0.1, 2]) {
        for (const start of [0, from, count - 1]) expect([...table.above(least, start)]).toEqual([...all.keys()].filter(row => row >= start && all[row]! >= least))
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

test('widths and counts that it does not fit get plain loops', () => {
  expect(allocateKernel('int8', 4, 20)).toBeNull()
  expect(allocateKernel('int16', 0, 32)).toBeNull()
  const table = openTable(allocateTable('int8', 4, 20))
  expect(table.scan(new Float32Array(20))).toHaveLength(4)
  const [v] = seededVectors(1, 1, 20)
  const plain = tableOf('float32', [v!.map(x => -x), v!], 20)
  expect([...plain.scanSome(v!, [1, 0])].map(Math.round)).toEqual([1, -1])
  expect(Math.round(plain.scan(v!, 1)[1]!)).toBe(1)
})

test('each slot of one memory has its own answer', () => {
  const vectors = seededVectors(100, 3, 32)
  const place = encodeTable('int8', vectors, 32)
  const [one, other] = [openTable(place, 0), openTable(place, 2)]
  const similarities = one.scan(vectors[7]!)
  other.scan(vectors[8]!)
  expect(similarities.indexOf(Math.max(...similarities))).toBe(7)
})
