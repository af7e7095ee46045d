import { readFile } from 'node:fs/promises'
import { describe, expect, it, test } from 'vitest'
import wabt from 'wabt'
import { frameToBox, type Affine } from '../../src/image/affine.ts'
import { Pyramid } from '../../src/image/pyramid.ts'
import { WARP_TO_TENSOR_MODULE } from '../../src/image/warp-to-tensor-module.ts'
import { createWarpToTensor } from '../../src/image/warp-to-tensor.ts'
import type { ModelInput } from '../../src/packs/manifest.ts'
import { plainWarpToTensor } from '../helpers/plain-kernels.ts'

test('the compiled module is the one in warp-to-tensor.wat', async () => {
  const { parseWat } = await wabt()
  const text = await readFile(new URL('../../src/image/warp-to-tensor.wat', import.meta.url))
  const source = parseWat('warp-to-tensor.wat', text, { simd: true })
  expect(Buffer.from(source.toBinary({}).buffer).toString('base64')).toBe(WARP_TO_TENSOR_MODULE)
})

function noise (width: number, height: number): Pyramid {
  return new Pyramid({ data: new Uint8Array(width * height * 3).map((_, i) => (i * 7919 + (i >> 3) * 104729) % 256), width, height })
}
const rgb: ModelInput = { width: 40, height: 30, channels: 'rgb', mean: 127, std: 128 }
const inputs: Readonly<Record<string, ModelInput>> = {
  rgb,
  bgr: { ...rgb, channels: 'bgr', mean: [10, 20, 30], std: [50, 60, 70] },
  grey: { ...rgb, channels: 'grey', mean: 0, std: 256 }
}
const regions: ReadonlyArray<readonly [string, Affine]> = [
  ['the whole picture', frameToBox({ x1: 0, y1: 0, x2: 97, y2: 61 }, 40, 30)],
  ['an enlarged part', frameToBox({ x1: 10.3, y1: 5.7, x2: 24.9, y2: 15.2 }, 40, 30)],
  ['a part over the left edge and the top', frameToBox({ x1: -20, y1: -30, x2: 30, y2: 20 }, 40, 30)],
  ['a part over the right edge and the bottom', frameToBox({ x1: 60, y1: 40, x2: 140, y2: 100 }, 40, 30)],
  ['the picture in the middle of its padding', frameToBox({ x1: -60, y1: -60, x2: 160, y2: 120 }, 40, 30)],
  ['nothing of the picture', frameToBox({ x1: 200, y1: 200, x2: 240, y2: 230 }, 40, 30)],
  ['NaN', { a: NaN, b: 0, c: 0, d: 0, e: 1, f: 0 }]
]

describe('createWarpToTensor', () => {
  for (const [channels, input] of Object.entries(inputs)) {
    it.each(regions)(`equals plain loops, ${channels}: %s`, (_, map) => {
      const picture = noise(97, 61)
      const wanted = plainWarpToTensor(input, 90, picture, [map])
      const given = createWarpToTensor(input, 90)(picture, [map])
      expect(given.dims).toEqual(wanted.dims)
      // A sample half-way between two whole values, within float32's precision, may be rounded to either.
      const std = Math.min(...[input.std].flat())
      const differing = given.data.filter((v, i) => Math.abs(Number(v) - Number(wanted.data[i])) > 1e-5)
      given.data.forEach((v, i) => { expect(Math.abs(Number(v) - Number(wanted.data[i]))).toBeLessThan(1 / std + 1e-5) })
      expect(differing.length).toBeLessThan(given.data.length * 0.002)
    })
  }

  it('samples several regions in order, the same again in a second call', () => {
    const picture = noise(97, 61)
    const sample = createWarpToTensor(rgb)
    const maps = regions.slice(0, 4).map(([, map]) => map)
    const batch = sample(picture, maps)
    expect(batch.dims).toEqual([4, 3, 30, 40])
    maps.forEach((map, n) => { expect(batch.data.slice(n * 3600, (n + 1) * 3600)).toEqual(sample(picture, [map]).data) })
  })

  it('samples to any size, from pictures of one pixel and of one row', () => {
    const sample = createWarpToTensor(rgb)
    for (const [width, height] of [[1, 1], [1, 500], [3000, 1], [2, 2]] as const) {
      const picture = noise(width, height)
      for (const size of [{ width: 1, height: 1 }, { width: 700, height: 500 }, { width: 3, height: 9 }]) {
        const map = frameToBox({ x1: 0, y1: 0, x2: width, y2: height }, size.width, size.height)
        const wanted = plainWarpToTensor(rgb, 0, picture, [map], size)
        const given = sample(picture, [map], size)
        expect(given.dims).toEqual(wanted.dims)
        const differing = given.data.findIndex((v, i) => Math.abs(Number(v) - Number(wanted.data[i])) > 1 / 128 + 1e-5)
        expect(differing, `${width}x${height} to ${size.width}x${size.height}`).toBe(-1)
      }
    }
  })
})
