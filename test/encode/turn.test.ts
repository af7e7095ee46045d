import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import type { Landmarks, Raster, Turn } from '../../src/types.ts'
import { boxToSent, boxToTurned, landmarksToSent, TURNS, turnPicture } from '../../src/encode/turn.ts'
import { Pyramid } from '../../src/image/pyramid.ts'

const ALL: readonly Turn[] = [0, ...TURNS]
const SENT = { width: 640, height: 480 }
const sizeOf = (turn: Turn, { width, height }: { width: number, height: number }): { width: number, height: number } =>
  turn % 180 === 0 ? { width, height } : { width: height, height: width }

/** Every px another colour. */
function coloured (width: number, height: number): Raster {
  return { data: Uint8Array.from({ length: 3 * width * height }, (_, i) => (i * 37 + (i >> 8) * 11) % 251), width, height }
}

describe('turnPicture', () => {
  // A picture of 3 x 2 px with a red top left corner: where it is in the turned picture.
  it.each([[90, 1, 0], [180, 2, 1], [270, 0, 2]] as const)('turns the top left corner by %d degrees to (%d, %d)', (turn, x, y) => {
    const data = new Uint8Array(18)
    data[0] = 255
    const { data: out, width, height } = turnPicture(new Pyramid({ data, width: 3, height: 2 }), turn).level(0)
    expect({ width, height }).toEqual(sizeOf(turn, { width: 3, height: 2 }))
    expect([...out.keys()].filter(i => out[i] !== 0)).toEqual([3 * (y * width + x)])
  })

  it.each(TURNS)('is what sharp makes of it at %d degrees, px for px', async turn => {
    for (const [width, height] of [[31, 17], [1, 5], [8, 8]] as const) {
      const raster = coloured(width, height)
      const wanted = sharp(raster.data, { raw: { width, height, channels: 3 } }).rotate(turn).raw()
      const { data, info } = await wanted.toBuffer({ resolveWithObject: true })
      const turned = turnPicture(new Pyramid(raster), turn).level(0)
      expect([turned.width, turned.height]).toEqual([info.width, info.height])
      expect(Buffer.compare(turned.data, data)).toBe(0)
    }
  })

  it.each(TURNS)('keeps the size of the original where it turns a reduced picture, at %d degrees', turn => {
    const turned = turnPicture(new Pyramid(coloured(1600, 1200), 6400, 4800), turn, 500_000)
    expect({ width: turned.width, height: turned.height }).toEqual(sizeOf(turn, { width: 6400, height: 4800 }))
    const { width, height } = turned.level(0)
    expect({ width, height }).toEqual(sizeOf(turn, { width: 800, height: 600 }))
  })

  it.each([[1, 1_200_000], [1_200_000, 1]])('turns a picture of %d x %d px, which no halving makes smaller', (width, height) => {
    /** Ends the test where levels are asked for without end. */
    class Bounded extends Pyramid {
      override level (n: number): Raster {
        if (n > 64) throw new Error(`Expected a level of the picture, received ${n}`)
        return super.level(n)
      }
    }
    const { width: turned } = turnPicture(new Bounded({ data: new Uint8Array(3 * width * height), width, height }), 90, 500_000)
    expect(turned).toBe(height)
  })

  it('turns back to the same picture', () => {
    const raster = coloured(31, 17)
    for (const turn of TURNS) {
      const back = turnPicture(turnPicture(new Pyramid(raster), turn), 360 - turn as Turn).level(0)
      expect(back).toEqual(raster)
    }
  })
})

describe('boxes', () => {
  const box = { x1: 100, y1: 50, x2: 180, y2: 150 }

  it.each([
    [0, { x1: 100, y1: 50, x2: 180, y2: 150 }],
    [90, { x1: 330, y1: 100, x2: 430, y2: 180 }],
    [180, { x1: 460, y1: 330, x2: 540, y2: 430 }],
    [270, { x1: 50, y1: 460, x2: 150, y2: 540 }]
  ] as const)('go to a picture turned by %d degrees', (turn, wanted) => {
    expect(boxToTurned(box, turn, sizeOf(turn, SENT))).toEqual(wanted)
  })

  it.each(ALL)('go to a picture turned by %d degrees and back', turn => {
    const turned = sizeOf(turn, SENT)
    for (const one of [box, { x1: 0, y1: 0, x2: 640, y2: 480 }, { x1: 0.25, y1: 470.5, x2: 3.75, y2: 479 }]) {
      expect(boxToSent(boxToTurned(one, turn, turned), turn, turned)).toEqual(one)
      const other = boxToTurned(one, turn, turned)
      expect(boxToTurned(boxToSent(other, turn, turned), turn, turned)).toEqual(other)
    }
  })

  it.each(TURNS)('lie over the same px at %d degrees', turn => {
    const picture = new Pyramid(coloured(40, 30))
    const turned = turnPicture(picture, turn)
    const px = ({ data, width }: Raster, x: number, y: number): Uint8Array => data.subarray(3 * (y * width + x), 3 * (y * width + x) + 3)
    for (const [x, y] of [[0, 0], [39, 0], [0, 29], [17, 5]] as const) {
      const { x1, y1, x2, y2 } = boxToTurned({ x1: x, y1: y, x2: x + 1, y2: y + 1 }, turn, turned)
      expect([x2 - x1, y2 - y1]).toEqual([1, 1])
      expect(px(turned.level(0), x1, y1)).toEqual(px(picture.level(0), x, y))
    }
  })
})

describe('landmarks', () => {
  // An upright face in the turned picture, its nose near the middle of the box.
  const landmarks: Landmarks = [{ x: 110, y: 80 }, { x: 150, y: 82 }, { x: 131, y: 105 }, { x: 114, y: 130 }, { x: 147, y: 131 }]
  const box = { x1: 95, y1: 50, x2: 165, y2: 150 }

  it.each([
    [90, { x: 80, y: 370 }], [180, { x: 530, y: 400 }], [270, { x: 560, y: 110 }]
  ] as const)('keep their order and stay on the face at %d degrees', (turn, leftEye) => {
    const turned = sizeOf(turn, SENT)
    const sent = landmarksToSent(landmarks, turn, turned)
    const { x1, y1, x2, y2 } = boxToSent(box, turn, turned)
    expect(sent).toHaveLength(5)
    expect(sent[0]).toEqual(leftEye)
    for (const { x, y } of sent) expect(x > x1 && x < x2 && y > y1 && y < y2).toBe(true)
    const distance = (of: Landmarks, a: number, b: number): number => Math.hypot(of[a]!.x - of[b]!.x, of[a]!.y - of[b]!.y)
    for (let i = 1; i < 5; i++) expect(distance(sent, 0, i)).toBeCloseTo(distance(landmarks, 0, i), 9)
  })
})
