// Aligned face crops to embeddings.
import type { Raster } from '../../types.ts'
import type { Session } from '../../runtime/types.ts'
import type { FaceEmbedding, FaceEncoder } from '../types.ts'
import type { FaceManifest } from '../../packs/manifest.ts'
import { dot, normalize } from '../../math/vector.ts'
import { splitOutputs } from './embeddings.ts'
import { grey, mirror, toTensor } from '../../image/to-tensor.ts'

/** Largest batch: the activations of all its crops are in memory at once. */
const MAX_BATCH = 64
/**
 * Largest batch on a CPU. A run blocks the event loop of its process, which is then silent (`heartbeat.ts`): 64 crops of
 * Inception ResNet took 2 s. Larger batches are no faster there.
 */
const MAX_BATCH_ON_CPU = 8

/**
 * Runs crops in batches if the graph takes a batch, else one by one. With a second view (`manifest.views`) an embedding is
 * the normalised sum of the embeddings of the crop and of its mirrored, perhaps grey, view.
 *
 * @param pack name of the pack, for messages.
 * @throws VEL_ERR_WEIGHTS if the width of the output differs from the manifest, or its values are not finite.
 */
export function createFaceEncoder (session: Session, manifest: FaceManifest, pack: string): FaceEncoder {
  const { dims } = manifest
  const input = session.inputs[0]!
  const output = session.outputs[0]!
  const maxBatch = input.dims[0] === 1 ? 1 : session.provider === 'cpu' ? MAX_BATCH_ON_CPU : MAX_BATCH

  async function run (crops: readonly Raster[]): Promise<Float32Array[]> {
    const outputs: Float32Array[] = []
    for (let i = 0; i < crops.length; i += maxBatch) {
      const batch = crops.slice(i, i + maxBatch)
      const results = await session.run({ [input.name]: toTensor(batch, manifest.input) })
      outputs.push(...splitOutputs(results[output]!, batch.length, dims, pack))
    }
    return outputs
  }

  return {
    dims,
    maxBatch,
    async encode (crops) {
      if (manifest.views === 'plain') return (await run(crops)).map(view => fromViews([view]))
      const second = manifest.views === 'mirrored' ? mirror : (crop: Raster): Raster => grey(mirror(crop))
      const views = await run([...crops, ...crops.map(second)])
      return crops.map((_, i) => fromViews([views[i]!, views[crops.length + i]!]))
    }
  }
}

/** Outputs whose norm differs from 1 by less were normalised inside the graph, and their norm is no measure of quality. */
const UNIT = 1e-3

function fromViews ([first, second]: [Float32Array, Float32Array?]): FaceEmbedding {
  const lengths = [first, ...(second === undefined ? [] : [second])].map(view => Math.sqrt(dot(view, view)))
  const smallest = Math.min(...lengths)
  const featureNorm = lengths.every(length => Math.abs(length - 1) < UNIT) ? undefined : smallest
  normalize(first)
  if (second === undefined) return { embedding: first, featureNorm }
  normalize(second)
  const viewAgreement = dot(first, second)
  for (let d = 0; d < first.length; d++) first[d]! += second[d]!
  return { embedding: normalize(first), featureNorm, viewAgreement }
}
