// Context crops to embeddings: the image encoder of CLIP.
import type { Session } from '../../runtime/types.ts'
import type { ClipImageEncoder } from '../types.ts'
import type { ClipImageManifest } from '../../packs/manifest.ts'
import { checkGraph, splitEmbeddings } from './embeddings.ts'
import { toTensor } from '../../image/to-tensor.ts'

const INPUT = 'pixel_values'
const OUTPUT = 'image_embeds'
/** Largest batch: a larger one is no faster on a CPU and takes more memory. */
const MAX_BATCH = 16

/**
 * Runs crops in batches if the graph takes a batch, else one by one.
 *
 * NOTE: a graph with int8 activations scales them by the whole batch, so an embedding varies slightly with the other crops.
 *
 * @param pack name of the pack, for messages.
 * @throws VEL_ERR_WEIGHTS if the inputs, outputs or width of the graph differ from the manifest.
 */
export function createClipImage (session: Session, manifest: ClipImageManifest, pack: string): ClipImageEncoder {
  checkGraph(session, [INPUT], OUTPUT, pack)
  const { dims } = manifest
  const maxBatch = session.inputs[0]!.dims[0] === 1 ? 1 : MAX_BATCH
  return {
    dims,
    async encode (crops) {
      const embeddings: Float32Array[] = []
      for (let i = 0; i < crops.length; i += maxBatch) {
        const batch = crops.slice(i, i + maxBatch)
        const results = await session.run({ [INPUT]: toTensor(batch, manifest.input) })
        embeddings.push(...splitEmbeddings(results[OUTPUT]!, batch.length, dims, pack))
      }
      return embeddings
    }
  }
}
