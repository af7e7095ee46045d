// Entity files and their photos to an index folder: the builder behind `vel kb build`.
import { mkdir, rm } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Calibration } from '../calibration.ts'
import type { MentionEncoder } from '../../types.ts'
import { encoderIdentity, type EncoderIdentity } from '../../packs/identity.ts'
import { hasLimits } from '../../packs/evidence.ts'
import type { PackManifest } from '../../packs/manifest.ts'
import { withLock } from '../storage/lock.ts'
import { buildTexts, planTexts, removeTextCheckpoint, type TextPlan, type TextsOptions } from './embed-texts.ts'
import type { SearchKind } from './choose-search.ts'
import type { DuplicatePair } from './duplicate-faces.ts'
import { encodePhotos } from './encode-photos.ts'
import { requireEnoughPhotos } from './enough-photos.ts'
import { requireReplaceable } from '../storage/replaceable.ts'
import { removeUnfinished, siblingPath, writeError } from '../storage/atomic-folder.ts'
import { EQUAL_FUSION, type IndexManifest } from '../storage/manifest.ts'
import { readEntities, type EntitySet } from './read-entities.ts'
import { describeDuplicates, planVectors, type BuildReport } from './plan-vectors.ts'
import { openPhotoCheckpoint, type PhotoCheckpoint } from './photo-checkpoint.ts'
import type { OnProgress } from './progress.ts'
import { writeIndex } from './write-index.ts'

export interface BuildOptions {
  /** Paths of entity files (JSON lines). */
  readonly entities: readonly string[]
  /** The index folder; replaced whole. */
  readonly out: string
  readonly name: string
  readonly encoder: MentionEncoder
  /** The pack that `encoder` runs. */
  readonly pack: PackManifest
  /** Hash of everything that embeddings depend on: a checkpoint with another hash is discarded. */
  readonly encodingHash: string
  /** Photos in flight: the number of the encoder's workers. */
  readonly concurrency: number
  /** Whether references whose face says too little become vectors too; false by default. */
  readonly keepPoor?: boolean | undefined
  /** Of the model pack, until `vel calibrate` fits one. */
  readonly calibration?: Calibration | undefined
  /** Least share of the photos that must be usable, 0..1; 0.5 by default. */
  readonly failUnder?: number | undefined
  /** How the index is searched; chosen by its size and by recall where absent. */
  readonly search?: SearchKind | undefined
  /** Text fields to embed for every entity; absent for faces alone. */
  readonly texts?: TextsOptions | undefined
  /** Receives a sentence about an unfinished build that cannot be resumed. */
  readonly onNote?: ((sentence: string) => void) | undefined
  /** The first report of a text field counts the texts in the checkpoint. */
  readonly onProgress?: OnProgress | undefined
}

export interface Built {
  readonly manifest: IndexManifest
  readonly report: BuildReport
  /** Photos, and texts of all fields, taken from the checkpoints of an interrupted run. */
  readonly resumed: { readonly photos: number, readonly texts: number }
}

const NOT_RESUMED = 'An unfinished build of this index was made by another model pack, with other settings or by another version of ' +
  'this program: it is not resumed, and every photo is encoded again'

/** Smallest margin between the two best entities of an unambiguous mention, cosine, until it is measured for the encoder. */
const AMBIGUOUS_MARGIN = 0.03

const FAIL_UNDER = 0.5

/**
 * Builds an index. An interrupted build resumes when it is called again: checkpoints of finished photos and texts stay beside
 * `out` until the index is in place.
 *
 * @throws VEL_ERR_INPUT for entity files without a usable line or with too few usable photos, VEL_ERR_INDEX where `out` cannot
 *   be written or is something else than an index, VEL_ERR_PACK where texts are asked of a pack without CLIP.
 */
export async function buildIndex (options: BuildOptions): Promise<Built> {
  const { out, entities: files } = options
  // Check the input before anything is written.
  await requireReplaceable(out)
  const identity = encoderIdentity(options.pack.models.face)
  const texts = options.texts === undefined ? undefined : planTexts(options.pack, options.texts)
  const set = await readEntities(files)
  const checkpointPath = siblingPath(out, 'work')
  try {
    await mkdir(dirname(resolve(out)), { recursive: true })
    return await withLock(out, siblingPath(out, 'lock'), async () => {
      await removeUnfinished(out)
      const checkpoint = await openPhotoCheckpoint(checkpointPath, options.encodingHash)
      if (checkpoint.discarded) options.onNote?.(NOT_RESUMED)
      try {
        const built = await buildFrom(set, checkpoint, identity, texts, options)
        await rm(checkpointPath)
        await removeTextCheckpoint(out)
        return built
      } finally {
        await checkpoint.close()
      }
    })
  } catch (error) {
    throw writeError(out, error)
  }
}

async function buildFrom (
  set: EntitySet,
  checkpoint: PhotoCheckpoint,
  identity: EncoderIdentity,
  textPlan: TextPlan | undefined,
  options: BuildOptions
): Promise<Built> {
  const { out, name, encoder, pack, concurrency, keepPoor = false, failUnder = FAIL_UNDER, onProgress = () => {} } = options
  const photos = set.entities.reduce((sum, entity) => sum + entity.photos.length, 0)
  const entities = set.entities.map(({ entity }) => entity)
  const onPhoto = (done: number): void => { onProgress('photos', done, photos) }
  const encoded = await encodePhotos(set.entities, encoder, pack.models, checkpoint, concurrency, onPhoto)
  const { plan, report } = planVectors(set, encoded, keepPoor)
  requireEnoughPhotos(report, failUnder)
  const reportWith = (duplicates: readonly DuplicatePair[]): BuildReport => {
    return { ...report, alike: describeDuplicates(set, plan, duplicates) }
  }
  const texts = textPlan === undefined
    ? undefined
    : await buildTexts(entities, textPlan, out, (field, done) => { onProgress(field, done, entities.length) })
  const face = {
    encoder: identity,
    entityRows: plan.entityRows,
    read: async (vector: number) => await checkpoint.face(plan.keys[vector]!),
    images: plan.keys.map(key => key.slice(0, 16))
  }
  try {
    const { manifest, duplicates } = await writeIndex(out, {
      name,
      pack: pack.name,
      decision: { ...pack.decision, ambiguousMargin: AMBIGUOUS_MARGIN },
      ...(texts === undefined ? {} : { fusion: EQUAL_FUSION }),
      calibration: options.calibration,
      search: options.search,
      onNote: options.onNote,
      references: { judged: hasLimits(pack.models), poorKept: keepPoor },
      entities,
      spaces: { face, ...texts?.spaces },
      report: reportWith
    }, onProgress)
    return { manifest, report: reportWith(duplicates), resumed: { photos: checkpoint.resumed, texts: texts?.resumed ?? 0 } }
  } finally {
    await texts?.close()
  }
}
