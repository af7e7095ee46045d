import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { Pyramid } from '../../src/image/pyramid.ts'
import { createBicubic } from '../../src/image/bicubic.ts'
import { contextBox, cropContext, embedContexts } from '../../src/encode/context.ts'
import type { ContextModel } from '../../src/models/types.ts'
import { draw, drawGolden } from '../helpers/drawn.ts'
import { plainBicubic } from '../helpers/plain-kernels.ts'

interface GoldenCase {
  readonly name: string
  readonly width: number
  readonly height: number
  readonly box: [number, number, number, number]
  readonly sha256: string
  readonly pixels: number[][]
}
interface Golden { readonly cases: GoldenCase[] }
const golden = JSON.parse(readFileSync(new URL('../fixtures/golden/clip-preprocess.json', import.meta.url), 'utf8')) as Golden

const SIDE = 224
const fast = createBicubic()

describe('contextBox', () => {
  const picture = { width: 100, height: 80 }

  test('widens the box about its centre', () => {
    expect(contextBox({ x1: 40, y1: 30, x2: 50, y2: 50 }, 2, picture)).toEqual({ x1: 35, y1: 20, x2: 55, y2: 60 })
  })

  test('clamps it to the picture', () => {
    expect(contextBox({ x1: 0, y1: 60, x2: 20, y2: 80 }, 3, picture)).toEqual({ x1: 0, y1: 40, x2: 40, y2: 80 })
  })

  test('is the whole picture where the pack says so', () => {
    expect(contextBox({ x1: 40, y1: 30, x2: 50, y2: 50 }, 'image', picture)).toEqual({ x1: 0, y1: 0, x2: 100, y2: 80 })
  })
})

describe('cropContext', () => {
  const resizers = [{ kernel: 'WebAssembly', resize: fast }, { kernel: 'plain', resize: plainBicubic }]
  const cases = golden.cases.flatMap(one => resizers.map(resizer => ({ ...one, ...resizer })))
  test.each(cases)('equals Pillow bit for bit: $name, $kernel', ({ width, height, box: [x1, y1, x2, y2], sha256, pixels, resize }) => {
    const crop = cropContext(new Pyramid(drawGolden(width, height)), { x1, y1, x2, y2 }, 1, SIDE, resize)
    expect(pixels.map(([x, y]) => [x, y, ...crop.data.subarray((y! * SIDE + x!) * 3, (y! * SIDE + x!) * 3 + 3)])).toEqual(pixels)
    expect(createHash('sha256').update(crop.data).digest('hex')).toBe(sha256)
  })

  test('halves a picture shrunk by more than three first, with next to the same result', () => {
    const source = draw(2400, 1900, (x, y) => [x % 256, Math.round(127 + 120 * Math.sin(x / 60) * Math.cos(y / 45)), y % 256])
    const halved = cropContext(new Pyramid(source), { x1: 0, y1: 0, x2: 2400, y2: 1900 }, 1, SIDE, fast)
    const width = Math.trunc(SIDE * 2400 / 1900)
    const x1 = (width - SIDE) >> 1
    const exact = plainBicubic(source, { x1: 0, y1: 0, x2: 2400, y2: 1900 }, width, SIDE, { x1, y1: 0, x2: x1 + SIDE, y2: SIDE })
    const difference = halved.data.reduce((sum, v, i) => sum + Math.abs(v - exact.data[i]!), 0) / halved.data.length
    expect(difference).toBeLessThan(1)
  })

  test('takes boxes in px of the original where the picture was decoded smaller', () => {
    const left = draw(200, 100, x => x < 100 ? [255, 0, 0] : [0, 0, 255])
    const crop = cropContext(new Pyramid(left, 2000, 1000), { x1: 100, y1: 100, x2: 900, y2: 900 }, 1, SIDE, fast)
    expect(crop.data.every((v, i) => v === (i % 3 === 0 ? 255 : 0))).toBe(true)
  })

  test.each([
    ['a box narrower than one px', { x1: 10.2, y1: 10.2, x2: 10.3, y2: 10.4 }],
    ['a box beyond the right and lower edges', { x1: 500, y1: 400, x2: 600, y2: 500 }],
    ['a box beyond the left and upper edges', { x1: -90, y1: -80, x2: -10, y2: -20 }],
    ['a box larger than the picture', { x1: -50, y1: -50, x2: 500, y2: 500 }]
  ])('still gives a crop of its size for %s', (_, box) => {
    const crop = cropContext(new Pyramid(draw(60, 40, () => [10, 20, 30])), box, 1.5, SIDE, fast)
    expect([crop.width, crop.height]).toEqual([SIDE, SIDE])
    expect([...crop.data.subarray(0, 3)]).toEqual([10, 20, 30])
  })
})

describe('embedContexts', () => {
  // A stub encoder: the embedding is the first pixel of the crop; batch sizes are recorded.
  const batches: number[] = []
  const clip = (context: number | 'image'): ContextModel => ({
    encoder: {
      dims: 3,
      encode: async crops => {
        batches.push(crops.length)
        return crops.map(crop => Float32Array.from(crop.data.subarray(0, 3)))
      }
    },
    context,
    resize: fast,
    input: { width: SIDE, height: SIDE, channels: 'rgb', mean: 0, std: 1 }
  })
  const pyramid = new Pyramid(draw(90, 30, x => x < 30 ? [200, 0, 0] : x < 60 ? [0, 200, 0] : [0, 0, 200]))
  const boxes = [5, 35, 65].map(x1 => ({ x1, y1: 5, x2: x1 + 20, y2: 25 }))
  const embed = async (context: number | 'image'): Promise<number[][]> =>
    (await embedContexts(pyramid, boxes, clip(context))).map(e => [...e])

  test('embeds every mention in order, in one batch', async () => {
    batches.length = 0
    expect(await embed(1)).toEqual([[200, 0, 0], [0, 200, 0], [0, 0, 200]])
    expect(batches).toEqual([3])
  })

  test('embeds the whole picture once for all', async () => {
    batches.length = 0
    const [first, ...others] = await embed('image')
    expect(others).toEqual([first, first])
    expect(batches).toEqual([1])
  })

  test('says what is missing without an encoder', async () => {
    await expect(embedContexts(pyramid, boxes, undefined)).rejects.toMatchObject({
      code: 'VEL_ERR_MODE_UNAVAILABLE',
      message: expect.stringContaining('no CLIP image encoder')
    })
  })
})
