import { describe, expect, it } from 'vitest'
import { area, clampBox, intersection, iou, overlapOfSmaller, scaleBox, suppress } from '../../src/image/box.ts'

const box = (x1: number, y1: number, x2: number, y2: number) => ({ x1, y1, x2, y2 })

describe('overlap', () => {
  it('is 1 with itself, 0 apart and 0 when only an edge is shared', () => {
    expect(iou(box(0, 0, 2, 2), box(0, 0, 2, 2))).toBe(1)
    expect(iou(box(0, 0, 2, 2), box(5, 5, 6, 6))).toBe(0)
    expect(intersection(box(0, 0, 2, 2), box(2, 0, 4, 2))).toBe(0)
  })

  it('counts the shared part over the union, or over the smaller', () => {
    expect(iou(box(0, 0, 2, 2), box(1, 0, 3, 2))).toBeCloseTo(2 / 6)
    expect(overlapOfSmaller(box(0, 0, 10, 10), box(2, 2, 4, 4))).toBe(1)
  })
})

it('clamps to the picture and scales about the centre', () => {
  expect(clampBox(box(-3, 2, 40, 8), 20, 6)).toEqual(box(0, 2, 20, 6))
  expect(scaleBox(box(2, 2, 4, 6), 2)).toEqual(box(1, 0, 5, 8))
  expect(area(box(4, 4, 2, 2))).toBe(0)
})

describe('suppress', () => {
  const items = [
    { box: box(0, 0, 10, 10), score: 0.7, name: 'a' },
    { box: box(1, 0, 11, 10), score: 0.9, name: 'b' },
    { box: box(30, 30, 40, 40), score: 0.8, name: 'c' },
    { box: box(2, 0, 12, 10), score: 0.6, name: 'd' }
  ]
  const names = (list: typeof items) => suppress(list, (a, b) => iou(a, b) > 0.4).map(i => i.name)

  it('keeps the best of each heap, best first', () => {
    expect(names(items)).toEqual(['b', 'c'])
  })

  it('does not depend on the order of its input', () => {
    const rotations = items.map((_, i) => [...items.slice(i), ...items.slice(0, i)])
    for (const rotation of [...rotations, [...items].reverse()]) expect(names(rotation)).toEqual(['b', 'c'])
  })

  it('keeps nothing of nothing', () => {
    expect(suppress([], () => true)).toEqual([])
  })
})
