import { describe, expect, it } from 'vitest'
import { createFaceEncoder } from '../../../src/models/encoders/face.ts'
import type { FaceEmbedding } from '../../../src/models/types.ts'
import type { FaceManifest } from '../../../src/packs/manifest.ts'
import type { Raster } from '../../../src/types.ts'
import type { Session } from '../../../src/runtime/types.ts'

const input = { width: 2, height: 1, channels: 'rgb', mean: 0, std: 1 } as const
const fixed = { name: 'tiny', files: {}, input, crop: { kind: 'template' }, dims: 2, licence: 'none', origin: 'a test' }
const manifest = (views: FaceManifest['views']): FaceManifest => ({ ...fixed, views } as unknown as FaceManifest)

/** A graph whose embedding is the red of both pixels. */
function redOf (batch: number, give: (red: number[]) => number[] = red => red): Session & { sizes: number[] } {
  const session = {
    inputs: [{ name: 'in', dims: [batch, 3, 1, 2] }],
    outputs: ['out'],
    provider: 'cpu',
    sizes: [] as number[],
    run: async (feeds: Parameters<Session['run']>[0]) => {
      const { data, dims: [count = 0] } = feeds['in']!
      session.sizes.push(count)
      const red = Array.from({ length: count }, (_, n) => give([Number(data[6 * n]), Number(data[6 * n + 1])]))
      return { out: { data: Float32Array.from(red.flat()), dims: [count, red[0]!.length] } }
    },
    close: async () => {}
  }
  return session
}

const crop = (...pixels: number[]): Raster => ({ data: Uint8Array.from(pixels), width: 2, height: 1 })
const unit = (x: number, y: number): number[] => [x / Math.hypot(x, y), y / Math.hypot(x, y)]
const isNear = ({ embedding }: FaceEmbedding, wanted: number[]): void => {
  wanted.forEach((w, i) => { expect(embedding[i]).toBeCloseTo(w, 6) })
}

describe('createFaceEncoder', () => {
  const one = crop(30, 0, 0, 40, 0, 0)
  const two = crop(100, 50, 0, 0, 0, 200)

  it('gives the direction of what the graph gives, in order', async () => {
    const session = redOf(-1)
    const given = await createFaceEncoder(session, manifest('plain'), 'tiny').encode([one, two])
    isNear(given[0]!, [0.6, 0.8])
    isNear(given[1]!, [1, 0])
    expect(given.map(({ featureNorm, viewAgreement }) => [featureNorm, viewAgreement])).toEqual([[50, undefined], [100, undefined]])
    expect(session.sizes).toEqual([2])
  })

  it('adds the mirrored crop, and the mirrored one in grey', async () => {
    const mirrored = await createFaceEncoder(redOf(-1), manifest('mirrored'), 'tiny').encode([one])
    isNear(mirrored[0]!, unit(1, 1))
    expect(mirrored[0]).toMatchObject({ featureNorm: 50, viewAgreement: expect.closeTo(0.96, 5) })
    // Grey by BT.601: 0.299 · 100 + 0.587 · 50 = 59 at the left, 0.114 · 200 = 23 at the right; then exchanged.
    const grey = await createFaceEncoder(redOf(-1), manifest('mirrored-grey'), 'tiny').encode([two])
    const [x, y] = unit(23, 59)
    isNear(grey[0]!, unit(1 + x!, 0 + y!))
  })

  it('says nothing of the norm where the graph normalises', async () => {
    const [embedded] = await createFaceEncoder(redOf(-1, () => unit(3, 4)), manifest('plain'), 'tiny').encode([one])
    expect(embedded!.featureNorm).toBeUndefined()
  })

  it('runs one by one where the graph takes no batch, and never more than 64 at once', async () => {
    const single = redOf(1)
    await createFaceEncoder(single, manifest('plain'), 'tiny').encode([one, two, one])
    expect(single.sizes).toEqual([1, 1, 1])
    const many = { ...redOf(-1), provider: 'cuda' }
    await createFaceEncoder(many, manifest('mirrored'), 'tiny').encode(Array.from({ length: 40 }, () => one))
    expect(many.sizes).toEqual([64, 16])
  })

  it('G7: runs 8 at once on a CPU, where a run blocks the event loop', async () => {
    const many = redOf(-1)
    await createFaceEncoder(many, manifest('mirrored'), 'tiny').encode(Array.from({ length: 10 }, () => one))
    expect(many.sizes).toEqual([8, 8, 4])
    expect(await createFaceEncoder(many, manifest('plain'), 'tiny').encode([])).toEqual([])
  })

  it.each([
    ['another width', (red: number[]) => [...red, 1], 'shape [1, 2]'],
    ['no number', (red: number[]) => [red[0]!, NaN], 'finite'],
    ['infinity behind a number', (red: number[]) => [red[0]!, Infinity], 'finite']
  ])('refuses a graph that gives %s', async (_, give, message) => {
    await expect(createFaceEncoder(redOf(-1, give), manifest('plain'), 'tiny').encode([one])).rejects.toThrow(message)
  })
})
