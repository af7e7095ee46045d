// Aligned face crops to embeddings.
import type { Raster } from '../../types.ts'
import type { Session } from '../../runtime/types.ts'
import type { FaceEncoder } from '../types.ts'
import type { FaceManifest } from '../../packs/manifest.ts'
import { normalize } from '../../math/vector.ts'
import { splitEmbeddings } from './embeddings.ts'
import { grey, mirror, toTensor } from '../../image/to-tensor.ts'

/** At most this many crops a run: their activations are in memory all at once. */
const MAX_BATCH = 64

/**
 * Runs all crops as one batch where the graph allows, else one by one. With a second view an embedding is the direction
 * of the sum of the crop's and the view's.
 *
 * @param pack its name, for messages. @throws VEL_ERR_WEIGHTS where the graph gives another width than the manifest promises, or no numbers.
 */
export function createFaceEncoder (session: Session, manifest: FaceManifest, pack: string): FaceEncoder {
  const { dims } = manifest
  const input = session.inputs[0]!
  const output = session.outputs[0]!
  const maxBatch = input.dims[0] === 1 ? 1 : MAX_BATCH

  async function run (crops: readonly Raster[]): Promise<Float32Array[]> {
    const embeddings: Float32Array[] = []
    for (let i = 0; i < crops.length; i += maxBatch) {
      const batch = crops.slice(i, i + maxBatch)
      const results = await session.run({ [input.name]: toTensor(batch, manifest.input) })
      embeddings.push(...splitEmbeddings(results[output]!, batch.length, dims, pack))
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
