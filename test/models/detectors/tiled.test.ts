import { describe, expect, it } from 'vitest'
import type { Detection } from '../../../src/types.ts'
import { Pyramid } from '../../../src/image/pyramid.ts'
import { detectInTiles, planTiles, type FrameDetector } from '../../../src/models/detectors/tiled.ts'
import { height, width } from '../../../src/image/box.ts'

const frameSize = { width: 320, height: 240 }
const plan = { searchFacePx: 24, step: 2.5, maxTiles: 200 }
const blind: FrameDetector = { frame: frameSize, smallestFacePx: 20, detectInFrame: async () => [] }

describe('planTiles', () => {
  it('shows a small picture once, whole', () => {
    expect(planTiles(250, 250, blind, plan)).toHaveLength(1)
  })

  const sizes = [[4000, 3000], [3000, 4000], [10000, 400], [700, 5000], [1024, 1024]] as const
  it.each(sizes)('covers a %d x %d picture so that every face is whole and large enough in a tile', (w, h) => {
    const tiles = planTiles(w, h, blind, { ...plan, maxTiles: 2000 })
    for (let size = 36; size < Math.min(w, h); size *= 1.31) {
      for (let i = 0; i < 300; i++) {
        const x = ((i * 0.618034) % 1) * (w - size)
        const y = ((i * 0.754878) % 1) * (h - size)
        const seen = tiles.some(({ region: r, largestFacePx }) => {
          const scale = frameSize.width / width(r)
          const whole = (start: number, from: number, to: number, length: number): boolean =>
            (from <= 0 || start >= from + 2 / scale) && (to >= length || start + size <= to - 2 / scale)
          return whole(x, r.x1, r.x2, w) && whole(y, r.y1, r.y2, h) &&
            size * scale >= blind.smallestFacePx * 0.6 && size <= largestFacePx
        }) || size * Math.min(frameSize.width / w, frameSize.height / h) >= blind.smallestFacePx
        expect(seen, `a face of ${size} px at ${x}, ${y}`).toBe(true)
      }
    }
  })

  it('stops at the cap with whole levels', () => {
    const tiles = planTiles(20000, 15000, blind, { ...plan, maxTiles: 60 })
    expect(tiles.length).toBeGreaterThan(1)
    expect(tiles.length).toBeLessThanOrEqual(60)
  })

  it('keeps the frame\'s aspect, so that faces are never stretched', () => {
    for (const { region } of planTiles(1234, 777, blind, plan)) expect(width(region) / height(region)).toBeCloseTo(320 / 240, 6)
  })
})

describe('detectInTiles', () => {
  /** Finds bright squares: a detector whose answers are known. */
  const brightest: FrameDetector = {
    ...blind,
    async detectInFrame (pyramid, toOriginal): Promise<Detection[]> {
      const frame = pyramid.warp(toOriginal, frameSize.width, frameSize.height)
      let x1 = Infinity; let y1 = Infinity; let x2 = -1; let y2 = -1
      for (let y = 0; y < frame.height; y++) {
        for (let x = 0; x < frame.width; x++) {
          if (frame.data[(y * frame.width + x) * 3]! < 200) continue
          x1 = Math.min(x1, x); y1 = Math.min(y1, y); x2 = Math.max(x2, x + 1); y2 = Math.max(y2, y + 1)
        }
      }
      const point = { x: x1, y: y1 }
      return x2 > 0 ? [{ box: { x1, y1, x2, y2 }, score: 0.9, landmarks: [point, point, point, point, point] }] : []
    }
  }
  const picture = (w: number, h: number, x: number, y: number, side: number): Pyramid => {
    const data = new Uint8Array(w * h * 3)
    for (let v = y; v < y + side; v++) data.fill(255, (v * w + x) * 3, (v * w + x + side) * 3)
    return new Pyramid({ data, width: w, height: h })
  }

  it.each([
    [1500, 1100, 700, 500, 40],
    [1500, 1100, 0, 0, 60],
    [1500, 1100, 1440, 1040, 60],
    [1500, 1100, 300, 200, 700],
    [90, 1500, 20, 900, 50]
  ])('returns px of a %d x %d picture: a face at %d, %d of %d px', async (w, h, x, y, side) => {
    const found = await detectInTiles(picture(w, h, x, y, side), brightest, plan)
    expect(found.length).toBeGreaterThan(0)
    for (const { box, landmarks } of found) {
      const tolerance = Math.max(2, side * 0.2)
      expect(Math.abs(box.x1 - x)).toBeLessThanOrEqual(tolerance)
      expect(Math.abs(box.y1 - y)).toBeLessThanOrEqual(tolerance)
      expect(Math.abs(box.x2 - x - side)).toBeLessThanOrEqual(tolerance)
      expect(Math.abs(box.y2 - y - side)).toBeLessThanOrEqual(tolerance)
      expect(landmarks![0].x).toBeCloseTo(box.x1, 6)
    }
  })

  it('drops what an inner edge of a tile cuts', async () => {
    const found = await detectInTiles(picture(3000, 2200, 1480, 1000, 90), brightest, plan)
    for (const { box } of found) expect(width(box) / height(box)).toBeCloseTo(1, 0)
  })
})
