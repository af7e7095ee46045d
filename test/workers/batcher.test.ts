import { expect, it } from 'vitest'
import { fileURLToPath } from 'node:url'
import type { Raster } from '../../src/types.ts'
import type { FaceEmbedding, FaceEncoder } from '../../src/models/types.ts'
import { batchAcrossImages, batchSizes } from '../../src/workers/batcher.ts'
import { openSession } from '../../src/runtime/session.ts'
import { createFaceEncoder } from '../../src/models/encoders/face.ts'
import { dot } from '../../src/math/vector.ts'
import { readPackManifest } from '../../src/packs/manifest.ts'
import { describeWithShared, shared } from '../helpers/shared.ts'

/** A crop of which every byte is `value`. */
const flat = (value: number): Raster => ({ data: new Uint8Array(12).fill(value), width: 2, height: 2 })

/** Embeds a crop as its first byte, and notes the size of every run. */
function recorder (): { encoder: FaceEncoder, runs: number[] } {
  const runs: number[] = []
  const encode = async (crops: readonly Raster[]): Promise<FaceEmbedding[]> => {
    runs.push(crops.length)
    if (crops.some(crop => crop.data[0] === 13)) throw new Error('thirteen')
    return crops.map(crop => ({ embedding: new Float32Array([crop.data[0]!]) }))
  }
  return { encoder: { dims: 1, encode }, runs }
}

it('pads to few sizes', () => {
  expect(batchSizes(16)).toEqual([1, 2, 4, 8, 16])
  expect(batchSizes(6)).toEqual([1, 2, 4, 6])
  expect(batchSizes(1)).toEqual([1])
})

it('embeds the faces of simultaneous images in one padded run and returns each image its own', async () => {
  const { encoder, runs } = recorder()
  const { encode } = batchAcrossImages(encoder, { maxBatch: 8, waitMs: 5 })
  const images = await Promise.all([encode([flat(1), flat(2)]), encode([]), encode([flat(3)])])
  expect(images.map(faces => faces.map(f => f.embedding[0]))).toEqual([[1, 2], [], [3]])
  expect(runs).toEqual([4])
})

it('splits more faces than fit in one run', async () => {
  const { encoder, runs } = recorder()
  const { encode } = batchAcrossImages(encoder, { maxBatch: 4, waitMs: 5 })
  const faces = await encode([1, 2, 3, 4, 5, 6, 7].map(flat))
  expect(faces.map(f => f.embedding[0])).toEqual([1, 2, 3, 4, 5, 6, 7])
  expect(runs).toEqual([4, 4])
})

it('fails the images of a run that fails, and none after it', async () => {
  const { encoder } = recorder()
  const { encode } = batchAcrossImages(encoder, { maxBatch: 4, waitMs: 5 })
  const failed = await Promise.allSettled([encode([flat(1)]), encode([flat(13)])])
  expect(failed.map(f => f.status)).toEqual(['rejected', 'rejected'])
  expect((await encode([flat(2)]))[0]!.embedding[0]).toBe(2)
})

describeWithShared('a graph with a dynamic batch', () => {
  it('returns the same embeddings in a batch, across images, and one by one', async () => {
    const { models: { face } } = await readPackManifest('scrfd-edgeface', fileURLToPath(new URL('models/', shared)))
    const path = fileURLToPath(new URL(`models/${face.files['model']!.path}`, shared))
    const session = await openSession(path, { providers: ['cpu'], threads: 1 })
    const encoder = createFaceEncoder(session, face, 'test')
    expect(encoder.maxBatch).toBeGreaterThan(1)
    const { width, height } = face.input
    const pixels = (n: number): Uint8Array => Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * (n + 3)) % 251)
    const crops = Array.from({ length: 5 }, (_, n) => ({ data: pixels(n), width, height }))
    const single: FaceEmbedding[] = []
    for (const crop of crops) single.push((await encoder.encode([crop]))[0]!)
    const { encode } = batchAcrossImages(encoder, { maxBatch: 16, waitMs: 5 })
    const together = (await Promise.all([encode(crops.slice(0, 2)), encode(crops.slice(2))])).flat()
    const batch = await encoder.encode(crops)
    await session.close()
    crops.forEach((_, i) => {
      expect(dot(single[i]!.embedding, batch[i]!.embedding)).toBeGreaterThanOrEqual(0.9999)
      expect(dot(single[i]!.embedding, together[i]!.embedding)).toBeGreaterThanOrEqual(0.9999)
    })
    // Different crops have different embeddings, so the agreement above is evidence.
    expect(dot(single[0]!.embedding, single[1]!.embedding)).toBeLessThan(0.999)
  })
})
