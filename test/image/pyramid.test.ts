import { describe, expect, it } from 'vitest'
import { Pyramid } from '../../src/image/pyramid.ts'
import { frameToBox } from '../../src/image/affine.ts'

/** A picture whose red channel is x and green channel is y, up to 255. */
function ramp (width: number, height: number) {
  const data = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) data.set([x, y, 7], (y * width + x) * 3)
  return { data, width, height }
}

describe('warp', () => {
  const pyramid = new Pyramid(ramp(200, 100))

  it('with the identity gives the picture back', () => {
    const same = pyramid.warp(frameToBox({ x1: 0, y1: 0, x2: 200, y2: 100 }, 200, 100), 200, 100)
    expect(Buffer.from(same.data).equals(Buffer.from(ramp(200, 100).data))).toBe(true)
  })

  it('samples between pixels', () => {
    const shifted = pyramid.warp({ a: 1, b: 0, c: 10.5, d: 0, e: 1, f: 20 }, 4, 4)
    expect([...shifted.data.slice(0, 3)]).toEqual([11, 20, 7]) // 10.5 rounds up
  })

  it('keeps a ramp straight however far it is reduced: the levels lie where they should', () => {
    for (const width of [160, 100, 50, 25, 10]) {
      const reduced = pyramid.warp(frameToBox({ x1: 0, y1: 0, x2: 200, y2: 100 }, width, width / 2), width, width / 2)
      const step = 200 / width
      // Each level rounds to whole grey levels: half a level of bias each.
      const tolerance = 0.5 * Math.ceil(Math.log2(step) + 1) + 0.5
      for (let u = 1; u < width - 1; u++) {
        const sampled = reduced.data[3 * (width * (width >> 2) + u)]!
        expect(Math.abs(sampled - (step * (u + 0.5) - 0.5))).toBeLessThanOrEqual(tolerance)
      }
    }
  })

  it('fills outside the picture', () => {
    const outside = pyramid.warp({ a: 1, b: 0, c: -50, d: 0, e: 1, f: -50 }, 40, 40, 127)
    expect(new Set(outside.data)).toEqual(new Set([127]))
  })

  it('gives px of the original when the picture was decoded smaller', () => {
    const half = new Pyramid(ramp(100, 50), 200, 100)
    const crop = half.warp(frameToBox({ x1: 100, y1: 50, x2: 120, y2: 60 }, 10, 5), 10, 5)
    expect(crop.data[0]).toBe(50)
    expect(crop.data[1]).toBe(25)
  })

  it('survives pictures of one pixel and maps that are not finite', () => {
    const dot = new Pyramid({ data: new Uint8Array([9, 9, 9]), width: 1, height: 1 })
    expect([...dot.warp(frameToBox({ x1: 0, y1: 0, x2: 1, y2: 1 }, 2, 2), 2, 2).data]).toEqual(Array(12).fill(9))
    expect(dot.level(20).width).toBe(1)
    expect(dot.warp({ a: NaN, b: 0, c: 0, d: 0, e: 1, f: 0 }, 2, 2, 3).data[0]).toBe(3)
  })
})

it('halves by the mean of four', () => {
  const p = new Pyramid({ data: new Uint8Array([0, 0, 0, 10, 0, 0, 20, 0, 0, 30, 0, 0]), width: 2, height: 2 })
  expect([...p.level(1).data]).toEqual([15, 0, 0])
})
