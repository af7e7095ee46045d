// SCRFD: the decoder's arithmetic by hand-made outputs, and the real weights on real photos.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tensor } from '../../../src/runtime/types.ts'
import type { DetectorManifest } from '../../../src/packs/manifest.ts'
import type { LoadedModels } from '../../../src/models/load.ts'
import { frameToBox } from '../../../src/image/affine.ts'
import { Pyramid } from '../../../src/image/pyramid.ts'
import { createScrfd } from '../../../src/models/detectors/scrfd.ts'
import { itDetectsFaces, loadPack } from '../../helpers/detectors.ts'
import { fakeSession, sparse } from '../../helpers/fake-session.ts'
import { describeWithShared } from '../../helpers/shared.ts'

const WIDTH = 96
const HEIGHT = 64
const manifest: DetectorManifest = {
  name: 'scrfd',
  decoder: 'scrfd',
  files: {},
  licence: '',
  commercialUse: false,
  origin: '',
  input: { width: WIDTH, height: HEIGHT, channels: 'rgb', mean: 127.5, std: 128 },
  scoreThreshold: 0.5,
  smallestFacePx: 12
}
const picture = new Pyramid({ data: new Uint8Array(WIDTH * HEIGHT * 3), width: WIDTH, height: HEIGHT })
const whole = frameToBox({ x1: 0, y1: 0, x2: WIDTH, y2: HEIGHT }, WIDTH, HEIGHT)
/** Scores, boxes, points; strides 8, 16, 32 within each: the order counts, the names do not. */
const NAMES = ['s8', 's16', 's32', 'b8', 'b16', 'b32', 'p8', 'p16', 'p32'] as const

function outputs (given: Partial<Record<typeof NAMES[number], Tensor>>): Record<string, Tensor> {
  const width = { s: 1, b: 4, p: 10 } as const
  return Object.fromEntries(NAMES.map(name => {
    const stride = Number(name.slice(1))
    return [name, given[name] ?? sparse([2 * WIDTH / stride * HEIGHT / stride, width[name[0] as 's' | 'b' | 'p']])]
  }))
}

describe('SCRFD decoder', () => {
  it.each([0, 1])('turns anchor %i of a cell into the box and points it stands for', async anchor => {
    // Row 1, column 2 of the 6 x 4 cells of stride 16: corner (32, 16) px.
    const i = 2 * (1 * 6 + 2) + anchor
    const session = fakeSession(NAMES, () => outputs({
      s16: sparse([48, 1], [[i, 0.75]]),
      b16: sparse([48, 4], [[4 * i, 1], [4 * i + 1, 0.5], [4 * i + 2, 2], [4 * i + 3, 3]]),
      p16: sparse([48, 10], [[10 * i, -0.5], [10 * i + 1, 0.25], [10 * i + 8, 1], [10 * i + 9, 2]])
    }))
    expect(await createScrfd(session, manifest).detectInFrame(picture, whole)).toEqual([{
      score: 0.75,
      box: { x1: 16, y1: 8, x2: 64, y2: 64 },
      landmarks: [{ x: 24, y: 20 }, { x: 32, y: 16 }, { x: 32, y: 16 }, { x: 32, y: 16 }, { x: 48, y: 48 }]
    }])
  })

  it('drops anchors under the threshold and keeps the best of two on one face', async () => {
    const box = (i: number): Array<readonly [number, number]> => [0, 1, 2, 3].map(n => [4 * i + n, 1] as const)
    const session = fakeSession(NAMES, () => outputs({
      s32: sparse([12, 1], [[8, 0.6], [9, 0.9], [2, 0.4999]]),
      b32: sparse([12, 4], [...box(8), ...box(9), ...box(2)])
    }))
    const faces = await createScrfd(session, manifest).detectInFrame(picture, whole)
    // Cell 4 of 3 x 2: column 1, row 1.
    expect(faces.map(f => [f.score.toFixed(2), f.box])).toEqual([['0.90', { x1: 0, y1: 0, x2: 64, y2: 64 }]])
  })
})

describeWithShared('SCRFD with its weights', () => {
  let pack: LoadedModels
  beforeAll(async () => { pack = await loadPack('scrfd-edgeface') })
  afterAll(async () => { await pack.close() })
  itDetectsFaces(() => pack)
})
