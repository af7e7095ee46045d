// Embeds the faces of all images in a worker as one batch: on a GPU a run of eight faces takes little longer than a run of one.
// Used if the face encoder runs on CUDA and its graph takes a batch.
//
// NOTE: not used on CPU, where each face of a batch, also a padding one, takes nearly as long as alone:
// `npx tsx bench/speed/batching.ts` prints ms per face by batch size.
import type { Raster } from '../types.ts'
import type { FaceEmbedding, FaceEncoder } from '../models/types.ts'

export interface BatcherOptions {
  /** Largest number of faces in one run. */
  readonly maxBatch: number
  /** Time that a face waits for others, ms; short compared with a run. */
  readonly waitMs: number
}

interface Waiting {
  readonly crop: Raster
  readonly resolve: (embedding: FaceEmbedding) => void
  readonly reject: (error: unknown) => void
}

/** Sizes that batches are padded to: powers of two and `maxBatch`. Few, because cuDNN tunes each new input shape; all are warmed up. */
export function batchSizes (maxBatch: number): number[] {
  const sizes: number[] = []
  for (let size = 1; size < maxBatch; size *= 2) sizes.push(size)
  return [...sizes, maxBatch]
}

/** An encoder with the same embeddings as `encoder`. A failed run rejects the images with faces in it, no others. */
export function batchAcrossImages (encoder: FaceEncoder, { maxBatch, waitMs }: BatcherOptions): FaceEncoder {
  const sizes = batchSizes(maxBatch)
  const waiting: Waiting[] = []
  let timer: NodeJS.Timeout | undefined

  async function run (batch: readonly Waiting[]): Promise<void> {
    try {
      const crops = batch.map(w => w.crop)
      const size = sizes.find(s => s >= crops.length)!
      const padded = [...crops, ...Array.from({ length: size - crops.length }, () => crops[0]!)]
      const embeddings = await encoder.encode(padded)
      batch.forEach((w, i) => { w.resolve(embeddings[i]!) })
    } catch (error) {
      for (const w of batch) w.reject(error)
    }
  }

  function flush (): void {
    clearTimeout(timer)
    timer = undefined
    while (waiting.length > 0) void run(waiting.splice(0, maxBatch))
  }

  return {
    dims: encoder.dims,
    maxBatch,
    async encode (crops) {
      const embeddings = crops.map(async crop =>
        await new Promise<FaceEmbedding>((resolve, reject) => { waiting.push({ crop, resolve, reject }) }))
      if (waiting.length >= maxBatch) flush()
      else if (waiting.length > 0) timer ??= setTimeout(flush, waitMs)
      return await Promise.all(embeddings)
    }
  }
}
