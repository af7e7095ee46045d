// MTCNN: the cascade's arithmetic by hand-made outputs, and the real weights on real photos.
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tensor } from '../../../src/runtime/types.ts'
import type { Detection } from '../../../src/types.ts'
import { OWN_MODELS_DIR, readPackManifest, type PackManifest } from '../../../src/packs/manifest.ts'
import { overlapOfSmaller } from '../../../src/image/box.ts'
import { Pyramid } from '../../../src/image/pyramid.ts'
import { loadModels, type LoadedModels } from '../../../src/models/load.ts'
import { createMtcnn, planScales, type MtcnnSessions } from '../../../src/models/detectors/mtcnn.ts'
import { itDetectsFaces, loadPack } from '../../helpers/detectors.ts'
import { fakeSession, sparse, type FakeSession } from '../../helpers/fake-session.ts'
import { describeWithShared } from '../../helpers/shared.ts'

let packManifest: PackManifest
beforeAll(async () => { packManifest = await readPackManifest('mtcnn-facenet', fileURLToPath(OWN_MODELS_DIR)) })

const picture = (width: number, height: number): Pyramid => new Pyramid({ data: new Uint8Array(width * height * 3), width, height })

/** P-Net over a picture of `columns` x `rows` cells: `faces` are cell indices with their four shifts. */
function pnet (faces: ReadonlyArray<readonly [number, readonly number[]]>): FakeSession {
  return fakeSession(['prob', 'reg'], input => {
    const h = Math.ceil((input.dims[2]! - 12) / 2) + 1
    const w = Math.ceil((input.dims[3]! - 12) / 2) + 1
    const n = h * w
    const here = faces.filter(([cell]) => cell < n)
    return {
      prob: sparse([1, 2, h, w], here.map(([cell]) => [n + cell, 0.95] as const)),
      reg: sparse([1, 4, h, w], here.flatMap(([cell, shift]) => shift.map((v, k) => [k * n + cell, v] as const)))
    }
  })
}

/** R-Net or O-Net that gives every crop the same answer. */
function answering (score: number, shift: readonly number[] = [0, 0, 0, 0], points?: readonly number[]): FakeSession {
  const repeat = (values: readonly number[], times: number): Tensor => {
    const data = Float32Array.from({ length: values.length * times }, (_, i) => values[i % values.length]!)
    return { data, dims: [times, values.length] }
  }
  return fakeSession([], input => {
    const n = input.dims[0]!
    return { prob: repeat([1 - score, score], n), reg: repeat(shift, n), ...(points === undefined ? {} : { points: repeat(points, n) }) }
  })
}

const detect = async (pyramid: Pyramid, sessions: MtcnnSessions): Promise<Detection[]> =>
  await createMtcnn(sessions, packManifest.models.detector, 12).detect(pyramid)

describe('MTCNN cascade', () => {
  it('turns one proposal into the box and points it stands for', async () => {
    // 14 x 12 px at scale 1 is two cells; the second starts 2 px to the right.
    const sessions = {
      pnet: pnet([[1, [0.25, 0, 0.25, 0]]]),
      rnet: answering(0.9, [-0.5, -0.5, 0.5, 0.5]),
      onet: answering(0.8, [0.25, 0.25, -0.25, 0], [0, 1, 0.5, 0, 1, 0, 0.25, 0.5, 1, 1])
    }
    const faces = await detect(picture(14, 12), sessions)
    // Proposed 2..14 x 0..12, shifted to 5..17 x 0..12, refined to -1..23 x -6..18; O-Net's shifts are of those 24 px.
    expect(faces).toHaveLength(1)
    expect(faces[0]!.score).toBeCloseTo(0.8, 5)
    expect(faces[0]!.box).toEqual({ x1: 5, y1: 0, x2: 17, y2: 18 })
    expect(faces[0]!.landmarks).toEqual([{ x: -1, y: -6 }, { x: 23, y: 0 }, { x: 11, y: 6 }, { x: -1, y: 18 }, { x: 23, y: 18 }])
    expect(sessions.pnet.seen).toEqual([[1, 3, 12, 14]])
    expect(sessions.rnet.seen).toEqual([[1, 3, 24, 24]])
    expect(sessions.onet.seen).toEqual([[1, 3, 48, 48]])
  })

  it('asks no further net where the one before left nothing', async () => {
    const nothing = { pnet: pnet([]), rnet: answering(1), onet: answering(1, [0, 0, 0, 0], Array(10).fill(0)) }
    expect(await detect(picture(40, 40), nothing)).toEqual([])
    expect([nothing.pnet.seen.length > 0, nothing.rnet.seen, nothing.onet.seen]).toEqual([true, [], []])

    const refused = { pnet: pnet([[0, [0, 0, 0, 0]]]), rnet: answering(0.69), onet: answering(1, [0, 0, 0, 0], Array(10).fill(0)) }
    expect(await detect(picture(12, 12), refused)).toEqual([])
    expect([refused.rnet.seen.length, refused.onet.seen]).toEqual([1, []])

    const unsure = { ...refused, rnet: answering(0.9), onet: answering(0.5, [0, 0, 0, 0], Array(10).fill(0)) }
    expect(await detect(picture(12, 12), unsure)).toEqual([])
  })

  it('hands on many proposals in batches, and keeps the best of boxes that overlap', async () => {
    // 400 x 400 px at scale 1 is 195 cells a row. Of the first cells of the first row, neighbours lie 2 px apart.
    const cells = Array.from({ length: 190 }, (_, i) => [0, 60, 120].map(row => row * 195 + i)).flat()
    const sessions = {
      pnet: pnet(cells.map(cell => [cell, [0, 0, 0, 0]] as const)),
      rnet: answering(0.9),
      onet: answering(0.9, [0, 0, 0, 0], Array(10).fill(0.5))
    }
    const faces = await detect(picture(400, 400), sessions)
    expect(sessions.rnet.seen.length).toBeGreaterThan(1)
    for (const dims of sessions.rnet.seen) expect(dims[0]).toBeLessThanOrEqual(256)
    expect(faces.length).toBeGreaterThan(10)
    const overlaps = faces.flatMap((a, i) => faces.slice(i + 1).map(b => overlapOfSmaller(a.box, b.box)))
    expect(Math.max(...overlaps)).toBeLessThanOrEqual(0.7)
  })

  it('looks at 2000 proposals at most, however much texture there is', async () => {
    // 200 x 200 px at scale 1 is 95 cells a row; every second of every second row gives 2304 boxes that count as different.
    const cells = Array.from({ length: 48 * 48 }, (_, i) => Math.floor(i / 48) * 2 * 95 + (i % 48) * 2)
    const sessions = { pnet: pnet(cells.map(cell => [cell, [0, 0, 0, 0]] as const)), rnet: answering(0), onet: answering(1) }
    expect(await detect(picture(200, 200), sessions)).toEqual([])
    expect(sessions.rnet.seen.reduce((sum, dims) => sum + dims[0]!, 0)).toBe(2000)
  })
})

describe('planScales', () => {
  it('goes from the smallest face wanted to the whole picture, by 0.709', () => {
    const scales = planScales(250, 250, 12 / 20)
    expect(scales[0]).toBe(0.6)
    expect(scales.at(-1)! * 250).toBeGreaterThanOrEqual(12)
    expect(scales.at(-1)! * 250 * 0.709).toBeLessThan(12)
    expect(scales.slice(1).every((s, i) => Math.abs(s / scales[i]! - 0.709) < 1e-9)).toBe(true)
  })

  it('bounds the work on huge pictures, and has none for pictures thinner than a face', () => {
    const first = planScales(20_000, 10_000, 0.6)[0]!
    expect(20_000 * 10_000 * first * first).toBeLessThanOrEqual(2e6 + 1)
    expect(planScales(1, 1, 0.6)).toEqual([])
    expect(planScales(3, 2000, 0.6)).toEqual([])
  })
})

describe('a pack without one of the nets', () => {
  it('is refused by name', async () => {
    const { pnet: first } = packManifest.models.detector.files
    const { models } = packManifest
    // A file that exists, and whose content does not matter.
    const pnet = { ...first!, path: 'package.json', sha256: null }
    const pack = { ...packManifest, models: { ...models, detector: { ...models.detector, files: { pnet } } } }
    await expect(loadModels(pack, '.', async () => fakeSession([], () => ({})), { searchFacePx: 20, step: 2.5, maxTiles: 10 }))
      .rejects.toThrow('a file "rnet" for decoder "mtcnn"')
  })
})

describeWithShared('MTCNN with its weights', () => {
  let pack: LoadedModels
  beforeAll(async () => { pack = await loadPack('mtcnn-facenet') })
  afterAll(async () => { await pack.close() })
  itDetectsFaces(() => pack)
})
