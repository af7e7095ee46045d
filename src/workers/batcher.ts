// Faces of images that one worker has at the same time, embedded as one batch: on a GPU one run of eight faces costs
// little more than one of one. Used where the faces really run on CUDA and the graph takes a batch.
//
// NOTE: not on CPU, where a face in a batch costs nearly what it costs alone, and one that is only there to pad it too:
// `npx tsx bench/speed/batching.ts` prints ms a face by batch size.
import type { Raster } from '../types.ts'
import type { FaceEmbedding, FaceEncoder } from '../models/types.ts'

export interface BatcherOptions {
  /** Faces in one run at most. */
  readonly maxBatch: number
  /** How long a face waits for others, ms: small against the run that it saves. */
  readonly waitMs: number
}

interface Waiting { readonly crop: Raster, readonly resolve: (embedding: FaceEmbedding) => void, readonly reject: (error: unknown) => void }

/** Sizes that batches are padded to: with a new input shape cuDNN searches anew, so shapes are few, and warmed. */
export function batchSizes (maxBatch: number): number[] {
  const sizes: number[] = []
  for (let size = 1; size < maxBatch; size *= 2) sizes.push(size)
  return [...sizes, maxBatch]
}

/** The same embeddings as `encoder` alone gives. A failed run fails the images whose faces were in it. */
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
      const embeddings = crops.map(async crop => await new Promise<FaceEmbedding>((resolve, reject) => { waiting.push({ crop, resolve, reject }) }))
      if (waiting.length >= maxBatch) flush()
      else if (waiting.length > 0) timer ??= setTimeout(flush, waitMs)
      return await Promise.all(embeddings)
    }
  }
}
