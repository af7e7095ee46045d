// The texts of all entities to embeddings.
import type { ClipTextEncoder } from '../../models/types.ts'
import type { Entity, TextSpace } from '../../types.ts'
import { openTextCheckpoint, type TextCheckpoint } from './text-checkpoint.ts'
import { rm } from 'node:fs/promises'
import { errors } from '../../errors.ts'
import { clipIdentity, type EncoderIdentity } from '../../packs/identity.ts'
import type { PackManifest } from '../../packs/manifest.ts'
import { siblingPath } from '../storage/atomic-folder.ts'
import type { VectorSource } from './write-index.ts'

/** Texts in one run of the encoder. */
const BATCH = 32

/**
 * Texts in a window, the unit of the checkpoint. A window is sorted by length before it is cut into batches, because a batch is
 * padded to its longest text.
 *
 * NOTE: a resumed build must make the same batches as an uninterrupted one: a graph with int8 activations scales them by the
 * whole batch, so that an embedding depends slightly on the other texts of its batch.
 */
export const WINDOW = 1024

export interface EmbeddedTexts {
  /** Texts found in the checkpoint. */
  readonly resumed: number
  /** The embedding of the text of entity `row`: L2-normalised float32 `[dims]`. */
  readonly read: (row: number) => Promise<Float32Array>
}

type Described = Pick<Entity, 'name' | 'description'>

/**
 * Embeds one text field of each entity, window by window; windows in the checkpoint are skipped.
 *
 * @param onDone texts so far; the first call counts those in the checkpoint.
 */
export async function embedTexts (
  encoder: ClipTextEncoder,
  entities: readonly Described[],
  field: TextSpace,
  checkpoint: TextCheckpoint,
  onDone: (done: number) => void = () => {}
): Promise<EmbeddedTexts> {
  const windows = windowsOf(entities.map(entity => encoder.prompt(entity, field)))
  const keys = windows.map(texts => checkpoint.keyOf(texts))
  const missing: number[] = []
  for (const [i, texts] of windows.entries()) if (!await checkpoint.has(keys[i]!, texts.length)) missing.push(i)
  const resumed = entities.length - missing.reduce((sum, i) => sum + windows[i]!.length, 0)
  let done = resumed
  onDone(done)
  for (const i of missing) {
    const embeddings = await embedByLength(encoder, windows[i]!, count => { onDone(done += count) })
    await checkpoint.put(keys[i]!, embeddings)
  }
  return { resumed, read: async row => await checkpoint.read(keys[Math.floor(row / WINDOW)]!, row % WINDOW) }
}

/** Embeds texts in batches of similar length. @param onRun texts in the run that ended. @returns one embedding a text, in order. */
export async function embedByLength (
  encoder: Pick<ClipTextEncoder, 'encode'>,
  texts: readonly string[],
  onRun: (count: number) => void = () => {}
): Promise<Float32Array[]> {
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

/** The text fields to embed, and the encoder of the pack. */
export interface TextsOptions { readonly encoder: ClipTextEncoder, readonly fields: readonly TextSpace[] }

export interface TextPlan extends TextsOptions { readonly identities: ReadonlyMap<TextSpace, EncoderIdentity> }

export interface BuiltTexts {
  readonly spaces: { readonly [S in TextSpace]?: VectorSource }
  /** Texts of all fields found in the checkpoint. */
  readonly resumed: number
  readonly close: () => Promise<void>
}

/** @throws VEL_ERR_PACK for a pack without both CLIP encoders, VEL_ERR_WEIGHTS where a hash of their weights is unknown. */
export function planTexts (pack: PackManifest, texts: TextsOptions): TextPlan {
  const { clipImage, clipText } = pack.models
  if (clipImage === undefined || clipText === undefined) {
    const advice = 'a pack without; choose one that has them: see `vel models list`'
    throw errors.pack(pack.name, 'CLIP encoders of images and of texts, to embed texts', advice)
  }
  return { ...texts, identities: new Map(texts.fields.map(field => [field, clipIdentity(clipImage, clipText, field)])) }
}

/** Embeds the texts that the checkpoint of index `dir` does not hold. `close` closes the checkpoint. */
export async function buildTexts (
  entities: readonly Entity[],
  { encoder, identities }: TextPlan,
  dir: string,
  onDone: (field: TextSpace, done: number) => void
): Promise<BuiltTexts> {
  const checkpoints: TextCheckpoint[] = []
  const spaces: { [S in TextSpace]?: VectorSource } = {}
  let resumed = 0
  const close = async (): Promise<void> => { await Promise.all(checkpoints.map(async checkpoint => { await checkpoint.close() })) }
  try {
    for (const [field, identity] of identities) {
      const checkpoint = await openTextCheckpoint(textFolder(dir), identity.recipe, identity.dims)
      checkpoints.push(checkpoint)
      const embedded = await embedTexts(encoder, entities, field, checkpoint, done => { onDone(field, done) })
      resumed += embedded.resumed
      spaces[field] = { encoder: identity, entityRows: Uint32Array.from(entities.keys()), read: embedded.read }
    }
  } catch (error) {
    await close()
    throw error
  }
  return { spaces, resumed, close }
}

/** Deletes the checkpoint of index `dir`. */
export async function removeTextCheckpoint (dir: string): Promise<void> {
  await rm(textFolder(dir), { recursive: true, force: true })
}

const textFolder = (dir: string): string => siblingPath(dir, 'texts.work')
