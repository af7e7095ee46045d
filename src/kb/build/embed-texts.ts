// All texts of a knowledge base to embeddings, for the builder of an index.
import type { ClipTextEncoder } from '../../models/types.ts'
import type { Entity, TextSpace } from '../../types.ts'
import { openTextCheckpoint, type TextCheckpoint } from './text-checkpoint.ts'
import { rm } from 'node:fs/promises'
import { errors } from '../../errors.ts'
import { clipIdentity, type EncoderIdentity } from '../../packs/identity.ts'
import type { PackManifest } from '../../packs/manifest.ts'
import { siblingPath } from '../storage/atomic-folder.ts'
import type { VectorSource } from './write-index.ts'

/** Texts in one run of the graph. */
const BATCH = 32

/**
 * Texts that are finished together. They are sorted by length before they are cut into batches: a batch is padded to its
 * longest text, so equals go together.
 *
 * NOTE: the unit of resuming too, so that the same texts share a batch as without a stop: a graph with int8 activations
 * scales them by the whole batch, and its embeddings depend a little on what they are embedded with.
 */
export const WINDOW = 1024

export interface EmbeddedTexts {
  /** Texts that an earlier, interrupted run had finished. */
  readonly resumed: number
  /** L2-normalised float32 `[dims]` of the text of entity `row`. */
  readonly read: (row: number) => Promise<Float32Array>
}

/**
 * Embeds one text field of each entity, window by window; windows of texts that `work` holds already are not embedded again.
 *
 * @param onDone texts finished so far, first those that need no work.
 */
export async function embedTexts (encoder: ClipTextEncoder, entities: ReadonlyArray<Pick<Entity, 'name' | 'description'>>, field: TextSpace, work: TextCheckpoint, onDone: (done: number) => void = () => {}): Promise<EmbeddedTexts> {
  const windows = windowsOf(entities.map(entity => encoder.prompt(entity, field)))
  const keys = windows.map(texts => work.keyOf(texts))
  const open: number[] = []
  for (const [i, texts] of windows.entries()) if (!await work.has(keys[i]!, texts.length)) open.push(i)
  const resumed = entities.length - open.reduce((sum, i) => sum + windows[i]!.length, 0)
  let done = resumed
  onDone(done)
  for (const i of open) {
    const embeddings = await embedByLength(encoder, windows[i]!, count => { onDone(done += count) })
    await work.put(keys[i]!, embeddings)
  }
  return { resumed, read: async row => await work.read(keys[Math.floor(row / WINDOW)]!, row % WINDOW) }
}

/** In batches of like length. @returns one embedding a text, in order. */
export async function embedByLength (encoder: Pick<ClipTextEncoder, 'encode'>, texts: readonly string[], onRun: (count: number) => void = () => {}): Promise<Float32Array[]> {
  const byLength = texts.map((_, i) => i).sort((a, b) => texts[a]!.length - texts[b]!.length)
  const embeddings: Float32Array[] = []
  for (let i = 0; i < byLength.length; i += BATCH) {
    const rows = byLength.slice(i, i + BATCH)
    const run = await encoder.encode(rows.map(row => texts[row]!))
    rows.forEach((row, n) => { embeddings[row] = run[n]! })
    onRun(rows.length)
  }
  return embeddings
}

function windowsOf (texts: readonly string[]): string[][] {
  return Array.from({ length: Math.ceil(texts.length / WINDOW) }, (_, i) => texts.slice(i * WINDOW, (i + 1) * WINDOW))
}

/** Which texts are embedded, and the pack's encoder of them. */
export interface TextsOptions { readonly encoder: ClipTextEncoder, readonly fields: readonly TextSpace[] }

export interface TextPlan extends TextsOptions { readonly identities: ReadonlyMap<TextSpace, EncoderIdentity> }

export interface BuiltTexts {
  readonly spaces: { readonly [S in TextSpace]?: VectorSource }
  /** Texts of all fields that an earlier, interrupted run had finished. */
  readonly resumed: number
  readonly close: () => Promise<void>
}

/** @throws VEL_ERR_PACK where the pack has not both halves of CLIP, VEL_ERR_WEIGHTS where a hash of them is not known. */
export function planTexts (pack: PackManifest, texts: TextsOptions): TextPlan {
  const { clipImage, clipText } = pack.models
  if (clipImage === undefined || clipText === undefined) throw errors.pack(pack.name, 'CLIP encoders of images and of texts, to embed texts', 'a pack without; choose one that has them: see `vel models list`')
  return { ...texts, identities: new Map(texts.fields.map(field => [field, clipIdentity(clipImage, clipText, field)])) }
}

/** Embeds what the work folder of index `dir` does not hold yet. `close` ends reading. */
export async function buildTexts (entities: readonly Entity[], { encoder, identities }: TextPlan, dir: string, onDone: (field: TextSpace, done: number) => void): Promise<BuiltTexts> {
  const works: TextCheckpoint[] = []
  const spaces: { [S in TextSpace]?: VectorSource } = {}
  let resumed = 0
  const close = async (): Promise<void> => { await Promise.all(works.map(async work => { await work.close() })) }
  try {
    for (const [field, identity] of identities) {
      const work = await openTextCheckpoint(textFolder(dir), identity.recipe, identity.dims)
      works.push(work)
      const embedded = await embedTexts(encoder, entities, field, work, done => { onDone(field, done) })
      resumed += embedded.resumed
      spaces[field] = { encoder: identity, entityRows: Uint32Array.from(entities.keys()), read: embedded.read }
    }
  } catch (error) {
    await close()
    throw error
  }
  return { spaces, resumed, close }
}

/** Deletes what was kept for a next run. */
export async function removeTextCheckpoint (dir: string): Promise<void> {
  await rm(textFolder(dir), { recursive: true, force: true })
}

const textFolder = (dir: string): string => siblingPath(dir, 'texts.work')
