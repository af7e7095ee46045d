// Entity files and their photos to an index folder: the builder behind `vel kb build`.
import { createHash } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { MentionEncoder } from '../types.ts'
import { encoderIdentity, type EncoderIdentity } from '../packs/identity.ts'
import type { PackManifest } from '../packs/manifest.ts'
import { withLock } from './build-lock.ts'
import { encodePhotos } from './encode-photos.ts'
import { removeUnfinished, siblingPath, writeError } from './folder.ts'
import type { IndexManifest } from './format.ts'
import { readEntities, type EntitySet } from './read-entities.ts'
import { describeAlike, planVectors, type BuildReport } from './report.ts'
import { openWorkLog, type WorkLog } from './work-log.ts'
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
  /** Photos in flight: as many as the encoder has workers. */
  readonly concurrency: number
  readonly onProgress?: ((stage: BuildStage, done: number, total: number) => void) | undefined
}

export type BuildStage = 'photos' | WriteStage

export interface Built {
  readonly manifest: IndexManifest
  readonly report: BuildReport
  /** Photos that an earlier, interrupted run had finished. */
  readonly resumed: number
}

/** A second entity this near to the first makes a mention ambiguous, until it is measured for the encoder. */
const AMBIGUOUS_MARGIN = 0.03

/**
 * Builds an index. Interrupted, it goes on where it was when it is called again: finished photos are kept in a work
 * file beside `out` until the index is in place.
 *
 * @throws VEL_ERR_INPUT for entity files without a usable line, VEL_ERR_INDEX where `out` cannot be written.
 */
export async function buildIndex (options: BuildOptions): Promise<Built> {
  const { out, entities: files } = options
  // Faults of the input show before anything is written.
  const identity = encoderIdentity(options.pack.models.face)
  const set = await readEntities(files)
  const workFile = siblingPath(out, 'work')
  try {
    await mkdir(dirname(resolve(out)), { recursive: true })
    return await withLock(out, siblingPath(out, 'lock'), async () => {
      await removeUnfinished(out)
      const log = await openWorkLog(workFile, packHash(options.pack))
      try {
        const built = await buildFrom(set, log, identity, options)
        await rm(workFile)
        return built
      } finally {
        await log.close()
      }
    })
  } catch (error) {
    throw writeError(out, error)
  }
}

async function buildFrom (set: EntitySet, log: WorkLog, identity: EncoderIdentity, { out, name, encoder, pack, concurrency, onProgress = () => {} }: BuildOptions): Promise<Built> {
  const photos = set.entities.reduce((sum, entity) => sum + entity.photos.length, 0)
  const encoded = await encodePhotos(set.entities, encoder, log, concurrency, done => { onProgress('photos', done, photos) })
  const { plan, report: known } = planVectors(set, encoded)
  let report: BuildReport = { ...known, alike: describeAlike(set, plan, []) }
  const manifest = await writeIndex(out, {
    name,
    pack: pack.name,
    decision: { ...pack.decision, ambiguousMargin: AMBIGUOUS_MARGIN },
    entities: set.entities.map(({ entity }) => entity),
    spaces: { face: { encoder: identity, entityRows: plan.entityRows, read: async vector => await log.face(plan.keys[vector]!), images: plan.keys.map(key => key.slice(0, 16)) } },
    report: alike => { report = { ...known, alike: describeAlike(set, plan, alike) }; return report }
  }, onProgress)
  return { manifest, report, resumed: log.resumed }
}

/** Everything in a pack can change which face is taken and how it is embedded. */
function packHash (pack: PackManifest): string {
  return createHash('sha256').update(JSON.stringify(pack.models)).digest('hex')
}
