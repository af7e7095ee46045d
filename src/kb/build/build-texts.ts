// The texts half of a build: one vector a text field of every entity, those without photos included.
import { rm } from 'node:fs/promises'
import type { ClipTextEncoder } from '../../ports.ts'
import type { Entity, TextSpace } from '../../types.ts'
import { errors } from '../../errors.ts'
import { clipIdentity, type EncoderIdentity } from '../../packs/identity.ts'
import type { PackManifest } from '../../packs/manifest.ts'
import { embedTexts } from './embed-texts.ts'
import { siblingPath } from '../storage/atomic-folder.ts'
import { openTextWork, type TextWork } from './text-checkpoint.ts'
import type { VectorSource } from './write-index.ts'

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
  const works: TextWork[] = []
  const spaces: { [S in TextSpace]?: VectorSource } = {}
  let resumed = 0
  const close = async (): Promise<void> => { await Promise.all(works.map(async work => { await work.close() })) }
  try {
    for (const [field, identity] of identities) {
      const work = await openTextWork(textFolder(dir), identity.recipe, identity.dims)
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
export async function removeTextWork (dir: string): Promise<void> {
  await rm(textFolder(dir), { recursive: true, force: true })
}

const textFolder = (dir: string): string => siblingPath(dir, 'texts.work')
