import { readFile } from 'node:fs/promises'
import { describe, expect, it, test } from 'vitest'
import wabt from 'wabt'
import { BICUBIC_MODULE } from '../../src/image/bicubic-module.ts'
import { createBicubic } from '../../src/image/bicubic.ts'
import { draw } from '../helpers/drawn.ts'
import { plainBicubic } from '../helpers/plain-kernels.ts'

test('the compiled module is the one in bicubic.wat', async () => {
  const { parseWat } = await wabt()
  const source = parseWat('bicubic.wat', await readFile(new URL('../../src/image/bicubic.wat', import.meta.url), 'utf8'), { simd: true })
  expect(Buffer.from(source.toBinary({}).buffer).toString('base64')).toBe(BICUBIC_MODULE)
})

// The filter overshoots at hard edges, so that results are clamped.
const noise = draw(331, 207, (x, y) => [(x * 7919 + y * 104729) % 256, (x >> 2) % 2 === 0 ? 255 : 0, (x * y) % 256])
const whole = { x1: 0, y1: 0, x2: 331, y2: 207 }

describe('createBicubic', () => {
  it.each([
    ['smaller', whole, 64, 40, { x1: 0, y1: 0, x2: 64, y2: 40 }],
    ['larger', { x1: 20, y1: 10, x2: 50, y2: 33 }, 100, 77, { x1: 0, y1: 0, x2: 100, y2: 77 }],
    ['wider and lower', whole, 500, 21, { x1: 0, y1: 0, x2: 500, y2: 21 }],
    ['a part of the result', whole, 110, 69, { x1: 21, y1: 5, x2: 90, y2: 60 }],
    ['one px of the result', whole, 110, 69, { x1: 109, y1: 68, x2: 110, y2: 69 }],
    ['one px of the picture', { x1: 330, y1: 206, x2: 331, y2: 207 }, 33, 5, { x1: 0, y1: 0, x2: 33, y2: 5 }],
    ['the same size', whole, 331, 207, whole]
  ])('equals the plain loops bit for bit: %s', (_, region, width, height, window) => {
    expect(createBicubic()(noise, region, width, height, window)).toEqual(plainBicubic(noise, region, width, height, window))
  })

  it('returns pixels that later calls do not overwrite', () => {
    const resize = createBicubic()
    const first = resize(noise, whole, 50, 30, { x1: 0, y1: 0, x2: 50, y2: 30 })
    const kept = first.data.slice()
    resize(noise, whole, 300, 300, { x1: 0, y1: 0, x2: 300, y2: 300 })
    expect(first.data).toEqual(kept)
  })
})
