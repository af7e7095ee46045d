// YuNet: the decoder's arithmetic by hand-made outputs, and the real weights on real photos.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tensor } from '../../../src/runtime/types.ts'
import type { DetectorManifest } from '../../../src/packs/manifest.ts'
import type { LoadedModels } from '../../../src/models/load.ts'
import { frameToBox } from '../../../src/image/affine.ts'
import { Pyramid } from '../../../src/image/pyramid.ts'
import { createYunet } from '../../../src/models/detectors/yunet.ts'
import { itDetectsFaces, loadPack } from '../../helpers/detectors.ts'
import { fakeSession, sparse } from '../../helpers/fake-session.ts'
import { describeWithShared } from '../../helpers/shared.ts'

const WIDTH = 96
const HEIGHT = 64
const manifest: DetectorManifest = {
  name: 'yunet',
  decoder: 'yunet',
  files: {},
  licence: 'MIT',
  commercialUse: true,
  origin: '',
  input: { width: WIDTH, height: HEIGHT, channels: 'bgr', mean: 0, std: 1 },
  scoreThreshold: 0.5,
  smallestFacePx: 12
}
const picture = new Pyramid({ data: new Uint8Array(WIDTH * HEIGHT * 3), width: WIDTH, height: HEIGHT })
const whole = frameToBox({ x1: 0, y1: 0, x2: WIDTH, y2: HEIGHT }, WIDTH, HEIGHT)
const cells = (stride: number): number => WIDTH / stride * HEIGHT / stride

function outputs (given: Record<string, Tensor>): Record<string, Tensor> {
  const all: Record<string, Tensor> = {}
  for (const stride of [8, 16, 32]) {
    for (const [kind, n] of [['cls', 1], ['obj', 1], ['bbox', 4], ['kps', 10]] as const) {
      all[`${kind}_${stride}`] = sparse([1, cells(stride), n])
    }
  }
  return { ...all, ...given }
}

describe('YuNet decoder', () => {
  it('turns one anchor into the box and points it stands for', async () => {
    // Row 1, column 2 of the 6 x 4 cells of stride 16.
    const i = 1 * 6 + 2
    const session = fakeSession([], () => outputs({
      cls_16: sparse([1, 24, 1], [[i, 0.9]]),
      obj_16: sparse([1, 24, 1], [[i, 0.4]]),
      bbox_16: sparse([1, 24, 4], [[4 * i, 0.5], [4 * i + 1, -0.25], [4 * i + 2, Math.log(2)], [4 * i + 3, Math.log(3)]]),
      kps_16: sparse([1, 24, 10], [[10 * i, -0.5], [10 * i + 1, 0.25], [10 * i + 8, 1], [10 * i + 9, 2]])
    }))
    const [face, ...others] = await createYunet(session, manifest).detectInFrame(picture, whole)
    expect(others).toEqual([])
    expect(face!.score).toBeCloseTo(0.6, 5)
    // Centre (2.5, 0.75) cells = (40, 12) px; 32 x 48 px.
    expect(face!.box.x1).toBeCloseTo(24, 4)
    expect(face!.box.y1).toBeCloseTo(-12, 4)
    expect(face!.box.x2).toBeCloseTo(56, 4)
    expect(face!.box.y2).toBeCloseTo(36, 4)
    expect(face!.landmarks).toEqual([{ x: 24, y: 20 }, { x: 32, y: 16 }, { x: 32, y: 16 }, { x: 32, y: 16 }, { x: 48, y: 48 }])
    expect(session.seen).toEqual([[1, 3, HEIGHT, WIDTH]])
  })

  it('clamps scores into 0..1 and drops those under the threshold', async () => {
    const session = fakeSession([], () => outputs({
      cls_8: sparse([1, 96, 1], [[0, 1.5], [20, 0.49], [40, 1]]),
      obj_8: sparse([1, 96, 1], [[0, 1.2], [20, 0.49], [40, -3]])
    }))
    const faces = await createYunet(session, manifest).detectInFrame(picture, whole)
    expect(faces.map(f => f.score)).toEqual([1])
  })

  it('keeps the best of two anchors of different strides on one face, and both of two faces', async () => {
    // Stride 32, cell (1, 1) centred by +0.5: 48, 48. Stride 8, cell (5, 5) by +1: 48, 48. The same 32 px square.
    const at = (i: number, w: number, dx: number): Array<readonly [number, number]> =>
      [[4 * i, dx], [4 * i + 1, dx], [4 * i + 2, Math.log(w)], [4 * i + 3, Math.log(w)]]
    const session = fakeSession([], () => outputs({
      cls_32: sparse([1, 6, 1], [[4, 0.8]]),
      obj_32: sparse([1, 6, 1], [[4, 0.8]]),
      bbox_32: sparse([1, 6, 4], at(4, 1, 0.5)),
      cls_8: sparse([1, 96, 1], [[65, 0.9], [0, 0.7]]),
      obj_8: sparse([1, 96, 1], [[65, 0.9], [0, 0.7]]),
      bbox_8: sparse([1, 96, 4], [...at(65, 4, 1), ...at(0, 1, 0)])
    }))
    const faces = await createYunet(session, manifest).detectInFrame(picture, whole)
    expect(faces.map(f => f.score.toFixed(3))).toEqual(['0.900', '0.700'])
  })
})

describeWithShared('YuNet with its weights', () => {
  let pack: LoadedModels
  beforeAll(async () => { pack = await loadPack('yunet-retail') })
  afterAll(async () => { await pack.close() })
  itDetectsFaces(() => pack)
})
