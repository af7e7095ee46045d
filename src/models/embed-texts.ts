// All texts of a knowledge base to embeddings, for the builder of an index.
import type { Entity } from '../types.ts'
import type { ClipTextEncoder } from '../ports.ts'

export interface EmbedTextsOptions {
  /** Entities that are skipped: a build that stopped after n embeddings goes on with `from: n`. */
  readonly from?: number | undefined
  /** Texts in one run of the graph. */
  readonly batch?: number | undefined
  /** Called after each run with the number of entities embedded, skipped ones included; may repeat some after `from`. */
  readonly onProgress?: ((done: number) => void) | undefined
}

const BATCH = 32
/** Runs whose texts are sorted by length together: a batch is padded to its longest text, so equals go together. */
const WINDOW_BATCHES = 32

/**
 * Embeds one text field of each entity.
 *
 * @returns one L2-normalised float32 `[dims]` an entity, in order, whether or not the build was stopped on the way.
 * @throws RangeError for options that are not whole numbers in range.
 */
export async function * embedTexts (encoder: ClipTextEncoder, entities: ReadonlyArray<Pick<Entity, 'name' | 'description'>>, field: 'name' | 'name_description', { from = 0, batch = BATCH, onProgress }: EmbedTextsOptions = {}): AsyncGenerator<Float32Array> {
  if (!Number.isInteger(from) || from < 0 || from > entities.length) throw new RangeError(`Expected "from" in 0..${entities.length}, received ${from}`)
  if (!Number.isInteger(batch) || batch < 1) throw new RangeError(`Expected "batch" of at least 1, received ${batch}`)
  if (from === entities.length) return
  const window = batch * WINDOW_BATCHES
  // NOTE: from a whole window on, so that the same texts share a batch as without a stop: a graph with int8 activations
  // scales them by the whole batch, and its embeddings depend a little on what they are embedded with.
  for (let start = from - from % window; start < entities.length; start += window) {
    const texts = entities.slice(start, start + window).map(entity => encoder.prompt(entity, field))
    const byLength = texts.map((_, i) => i).sort((a, b) => texts[a]!.length - texts[b]!.length)
    const embeddings: Float32Array[] = []
    for (let i = 0; i < byLength.length; i += batch) {
      const rows = byLength.slice(i, i + batch)
      const run = await encoder.encode(rows.map(row => texts[row]!))
      rows.forEach((row, n) => { embeddings[row] = run[n]! })
      onProgress?.(start + Math.min(i + batch, byLength.length))
    }
    yield * embeddings.slice(Math.max(0, from - start))
  }
}
