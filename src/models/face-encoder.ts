// Aligned face crops to embeddings.
import type { Raster, Session } from '../types.ts'
import type { FaceEncoder } from '../ports.ts'
import type { FaceManifest } from '../packs/manifest.ts'
import { normalize } from '../math/vector.ts'
import { grey, mirror, toTensor } from './input.ts'

/**
 * Runs all crops as one batch where the graph allows, else one by one. With a second view an embedding is the direction
 * of the sum of the crop's and the view's.
 */
export function createFaceEncoder (session: Session, manifest: FaceManifest): FaceEncoder {
  const { dims } = manifest
  const input = session.inputs[0]!
  const output = session.outputs[0]!
  const maxBatch = input.dims[0] === 1 ? 1 : Infinity

  async function run (crops: readonly Raster[]): Promise<Float32Array[]> {
    const embeddings: Float32Array[] = []
    for (let i = 0; i < crops.length; i += maxBatch) {
      const batch = crops.slice(i, i + maxBatch)
      const data = (await session.run({ [input.name]: toTensor(batch, manifest.input) }))[output]!.data as Float32Array
      for (let n = 0; n < batch.length; n++) embeddings.push(normalize(data.slice(n * dims, (n + 1) * dims)))
    }
    return embeddings
  }

  return {
    dims,
    maxBatch,
    async encode (crops) {
      if (manifest.views === 'plain') return await run(crops)
      const view = manifest.views === 'mirrored' ? mirror : (crop: Raster): Raster => grey(mirror(crop))
      const both = await run([...crops, ...crops.map(view)])
      return crops.map((_, i) => {
        const sum = both[i]!
        const other = both[crops.length + i]!
        for (let d = 0; d < dims; d++) sum[d]! += other[d]!
        return normalize(sum)
      })
    }
  }
}
