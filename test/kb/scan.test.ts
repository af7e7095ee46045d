import { readFile } from 'node:fs/promises'
import wabt from 'wabt'
import { expect, test } from 'vitest'
import { allocateScan } from '../../src/kb/scan.ts'
import { SCAN_MODULE } from '../../src/kb/scan-module.ts'
import { allocateTable, tableOf } from '../../src/kb/vectors.ts'
import { seededVectors } from './build.ts'

test('the compiled module is the one in scan.wat', async () => {
  const { parseWat } = await wabt()
  const source = parseWat('scan.wat', await readFile(new URL('../../src/kb/scan.wat', import.meta.url)), { simd: true, threads: true })
  expect(Buffer.from(source.toBinary({}).buffer).toString('base64')).toBe(SCAN_MODULE)
})

test.each([[1, 16], [3, 512], [1001, 48], [257, 4096]])('%i vectors of %i numbers give the similarities of plain loops', (count, dims) => {
  const vectors = seededVectors(count, 3, dims)
  const table = tableOf('int8', vectors, dims)
  for (const query of [...seededVectors(3, 4, dims), vectors[0]!]) {
    const scanned = table.scan(query)
    for (let row = 0; row < count; row++) expect(Math.abs(scanned[row]! - table.similarity(row, query))).toBeLessThan(2e-5)
  }
})

test('the largest numbers do not overflow', () => {
  const dims = 4096
  const flat = new Float32Array(dims).fill(1 / Math.sqrt(dims))
  const spike = Float32Array.from({ length: dims }, (_, d) => d === 17 ? 1 : 0)
  const table = tableOf('int8', [flat, spike, flat.map(x => -x)], dims)
  const rounded = (query: Float32Array): number[] => [...table.scan(query)].map(s => Math.round(s * 1000) / 1000)
  expect(rounded(flat)).toEqual([1, 0.016, -1])
  expect(rounded(spike)).toEqual([0.016, 1, -0.016])
  expect([...table.scan(new Float32Array(dims))]).toEqual([0, 0, 0])
})

test('widths and counts that it does not fit get plain loops', () => {
  expect(allocateScan(4, 20)).toBeNull()
  expect(allocateScan(0, 32)).toBeNull()
  expect(allocateTable('int8', 4, 20).table.scan(new Float32Array(20))).toHaveLength(4)
})
