import { describe, expect, it } from 'vitest'
import { apply, frameToBox, invert, scaleOf, similarity, type Affine } from '../../src/image/affine.ts'

const rotated = (degrees: number, scale: number, c: number, f: number): Affine => {
  const r = degrees * Math.PI / 180
  return { a: scale * Math.cos(r), b: -scale * Math.sin(r), c, d: scale * Math.sin(r), e: scale * Math.cos(r), f }
}
const points = [{ x: 1, y: 2 }, { x: 30, y: -4 }, { x: 12, y: 50 }, { x: -7, y: 9 }, { x: 3, y: 3 }]

describe('similarity', () => {
  const transforms = [[0, 1, 0, 0], [30, 2.5, 10, -4], [180, 0.1, -3, 8], [-91, 7, 100, 100]] as const
  it.each(transforms)('recovers a rotation by %d°, scale %d, shift (%d, %d)', (degrees, scale, c, f) => {
    const truth = rotated(degrees, scale, c, f)
    const found = similarity(points, points.map(p => apply(truth, p)))!
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f'] as const) expect(found[key]).toBeCloseTo(truth[key], 9)
  })

  it('is a least-squares fit: nudging any parameter makes the error larger', () => {
    const target = points.map((p, i) => ({ x: p.x * 2 + (i % 2), y: p.y * 2 - (i % 3) }))
    const m = similarity(points, target)!
    const error = (a: number, d: number, c: number, f: number): number =>
      points.reduce((sum, p, i) => sum + (a * p.x - d * p.y + c - target[i]!.x) ** 2 + (d * p.x + a * p.y + f - target[i]!.y) ** 2, 0)
    const best = error(m.a, m.d, m.c, m.f)
    for (const step of [1e-3, -1e-3]) {
      expect(error(m.a + step, m.d, m.c, m.f)).toBeGreaterThan(best)
      expect(error(m.a, m.d + step, m.c, m.f)).toBeGreaterThan(best)
      expect(error(m.a, m.d, m.c + step, m.f)).toBeGreaterThan(best)
      expect(error(m.a, m.d, m.c, m.f + step)).toBeGreaterThan(best)
    }
  })

  it('never mirrors: the mirror image of a face is fitted by a rotation', () => {
    const m = similarity(points, points.map(p => ({ x: -p.x, y: p.y })))!
    expect(m.a * m.e - m.b * m.d).toBeGreaterThan(0)
  })

  it('has no answer for points that coincide', () => {
    expect(similarity(points.map(() => ({ x: 5, y: 5 })), points)).toBeNull()
  })
})

describe('invert', () => {
  it('undoes the map', () => {
    const m = rotated(33, 1.7, 5, 6)
    for (const p of points) {
      const back = apply(invert(m)!, apply(m, p))
      expect(back.x).toBeCloseTo(p.x, 9)
      expect(back.y).toBeCloseTo(p.y, 9)
    }
  })

  it('has no answer for a map that folds the plane', () => {
    expect(invert({ a: 1, b: 2, c: 0, d: 2, e: 4, f: 0 })).toBeNull()
    expect(invert({ a: NaN, b: 0, c: 0, d: 0, e: 1, f: 0 })).toBeNull()
  })
})

it('frameToBox takes the corners of the frame to the corners of the box', () => {
  const m = frameToBox({ x1: 10, y1: 20, x2: 50, y2: 100 }, 320, 240)
  expect(apply(m, { x: 0, y: 0 })).toEqual({ x: 10, y: 20 })
  expect(apply(m, { x: 320, y: 240 })).toEqual({ x: 50, y: 100 })
  expect(scaleOf(m)).toBeCloseTo(40 / 320)
})
