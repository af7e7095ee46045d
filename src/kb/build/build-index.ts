// Entity files and their photos to an index folder: the builder behind `vel kb build`.
import { mkdir, rm } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { MentionEncoder, TextSpace } from '../../types.ts'
import { encoderIdentity, type EncoderIdentity } from '../../packs/identity.ts'
import type { PackManifest } from '../../packs/manifest.ts'
import { withLock } from '../storage/lock.ts'
import { buildTexts, planTexts, removeTextCheckpoint, type TextPlan, type TextsOptions } from './embed-texts.ts'
import { encodePhotos } from './encode-photos.ts'
import { removeUnfinished, siblingPath, writeError } from '../storage/atomic-folder.ts'
import { EQUAL_FUSION, type IndexManifest } from '../storage/manifest.ts'
import { readEntities, type EntitySet } from './read-entities.ts'
import { describeDuplicates, planVectors, type BuildReport } from './plan-vectors.ts'
import { openPhotoCheckpoint, type PhotoCheckpoint } from './photo-checkpoint.ts'
import { writeIndex, type WriteStage } from './write-index.ts'

export interface BuildOptions {
  /** Paths of entity files (JSON lines). */
  readonly entities: readonly string[]
  /** The index folder; replaced whole. */
  readonly out: string
  readonly name: string
  readonly encoder: MentionEncoder
  /** The pack that `encoder` runs. */
  readonly pack: PackManifest
  /** Of all that embeddings depend on: photos that a killed build encoded by another are encoded again. */
  readonly encodingHash: string
  /** Photos in flight: as many as the encoder has workers. */
  readonly concurrency: number
  /** Texts that every entity gets a vector of; absent for faces alone. */
  readonly texts?: TextsOptions | undefined
  /** The first report of texts is of those that an earlier run had finished. */
  readonly onProgress?: ((stage: BuildStage, done: number, total: number) => void) | undefined
}

export type BuildStage = 'photos' | TextSpace | WriteStage

export interface Built {
  readonly manifest: IndexManifest
  readonly report: BuildReport
  /** What an earlier, interrupted run had finished; texts of all fields. */
  readonly resumed: { readonly photos: number, readonly texts: number }
}

/** A second entity this near to the first makes a mention ambiguous, until it is measured for the encoder. */
const AMBIGUOUS_MARGIN = 0.03

/**
 * Builds an index. Interrupted, it goes on where it was when it is called again: finished photos and texts are kept
 * beside `out` until the index is in place.
 *
 * @throws VEL_ERR_INPUT for entity files without a usable line, VEL_ERR_INDEX where `out` cannot be written, VEL_ERR_PACK
 *   where texts are asked of a pack without CLIP.
 */
export async function buildIndex (options: BuildOptions): Promise<Built> {
  const { out, entities: files } = options
  // Faults of the input show before anything is written.
  const identity = encoderIdentity(options.pack.models.face)
  const texts = options.texts === undefined ? undefined : planTexts(options.pack, options.texts)
  const set = await readEntities(files)
  const workFile = siblingPath(out, 'work')
  try {
    await mkdir(dirname(resolve(out)), { recursive: true })
    return await withLock(out, siblingPath(out, 'lock'), async () => {
      await removeUnfinished(out)
      const log = await openPhotoCheckpoint(workFile, options.encodingHash)
      try {
        const built = await buildFrom(set, log, identity, texts, options)
        await rm(workFile)
        await removeTextCheckpoint(out)
        return built
      } finally {
        await log.close()
      }
    })
  } catch (error) {
    throw writeError(out, error)
  }
}

async function buildFrom (set: EntitySet, log: PhotoCheckpoint, identity: EncoderIdentity, textPlan: TextPlan | undefined, { out, name, encoder, pack, concurrency, onProgress = () => {} }: BuildOptions): Promise<Built> {
  const photos = set.entities.reduce((sum, entity) => sum + entity.photos.length, 0)
  const entities = set.entities.map(({ entity }) => entity)
  const encoded = await encodePhotos(set.entities, encoder, log, concurrency, done => { onProgress('photos', done, photos) })
  const { plan, report: known } = planVectors(set, encoded)
  let report: BuildReport = { ...known, alike: describeDuplicates(set, plan, []) }
  const texts = textPlan === undefined ? undefined : await buildTexts(entities, textPlan, out, (field, done) => { onProgress(field, done, entities.length) })
  try {
    const manifest = await writeIndex(out, {
      name,
      pack: pack.name,
      decision: { ...pack.decision, ambiguousMargin: AMBIGUOUS_MARGIN },
      ...(texts === undefined ? {} : { fusion: EQUAL_FUSION }),
      entities,
      spaces: {
        face: { encoder: identity, entityRows: plan.entityRows, read: async vector => await log.face(plan.keys[vector]!), images: plan.keys.map(key => key.slice(0, 16)) },
        ...texts?.spaces
      },
      report: alike => { report = { ...known, alike: describeDuplicates(set, plan, alike) }; return report }
    }, onProgress)
    return { manifest, report, resumed: { photos: log.resumed, texts: texts?.resumed ?? 0 } }
  } finally {
    await texts?.close()
  }
}
