// Compaction: a view is written as an index folder, so that its changes become part of the index.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { Entity, Space } from '../../types.ts'
import { readableFolder, removeUnfinished } from '../storage/atomic-folder.ts'
import { REPORT_FILE, type IndexManifest } from '../storage/manifest.ts'
import type { ReferenceVector } from '../search/open-index.ts'
import { cleanReport } from './clean-report.ts'
import type { KnowledgeBaseView } from './overlay.ts'
import type { OnProgress } from '../build/progress.ts'
import { writeIndex, type VectorSource } from '../build/write-index.ts'

/** Writes what `view` shows as index `dir`. The caller holds the index's lock. @throws VEL_ERR_INDEX where it cannot be written. */
export async function writeView (dir: string, view: KnowledgeBaseView, onProgress?: OnProgress): Promise<IndexManifest> {
  const { manifest } = view.base
  const entities = [...currentEntities(view)]
  const spaces: { [S in Space]?: VectorSource } = {}
  for (const space of Object.keys(manifest.spaces) as Space[]) spaces[space] = await sourceOf(view, space, entities)
  const reportPath = join(await readableFolder(dir), REPORT_FILE)
  const report = await readFile(reportPath, 'utf8').then(text => JSON.parse(text) as unknown, () => undefined)
  await removeUnfinished(dir)
  const ids = new Set(entities.map(({ id }) => id))
  const isThere = (id: string): boolean => ids.has(id)
  const lostPhotos = entitiesWithLostPhotos(view)
  const written = await writeIndex(dir, {
    name: manifest.name,
    pack: manifest.pack,
    decision: manifest.decision,
    calibration: manifest.calibration,
    fusion: manifest.fusion,
    references: manifest.references,
    entities,
    spaces,
    // The report of the build, which did not know the changes.
    report: report === undefined ? undefined : () => cleanReport(report, isThere, lostPhotos),
    findDuplicates: false
  }, onProgress)
  return written.manifest
}

function entitiesWithLostPhotos ({ base, overlay }: KnowledgeBaseView): Set<string> {
  const lost = [...overlay].filter(([id, { vectors: { face } }]) => {
    const kept = new Set(face?.map(({ image }) => image))
    return face !== undefined && base.images('face', id).some(image => !kept.has(image))
  })
  return new Set(lost.map(([id]) => id))
}

function * currentEntities ({ base, overlay }: KnowledgeBaseView): Generator<Entity> {
  for (const before of base.entities) {
    const changed = overlay.get(before.id)
    if (changed === undefined) yield before
    else if (changed.entity !== null) yield changed.entity
  }
  // In order of id, not of arrival: servers with the same changes write the same index.
  const added = [...overlay].flatMap(([id, { entity }]) => entity === null || base.entity(id) !== undefined ? [] : [entity])
  yield * added.sort((a, b) => a.id < b.id ? -1 : 1)
}

/** Entities between two turns of the event loop: a few milliseconds. */
const ENTITIES_PER_TURN = 2000

/** Vectors are decoded one entity at a time, when they are read. */
async function sourceOf ({ base, overlay }: KnowledgeBaseView, space: Space, entities: readonly Entity[]): Promise<VectorSource> {
  const { encoder, dims } = base.manifest.spaces[space]!
  const rows: number[] = []
  const ranks: number[] = []
  const images: Array<string | null> = []
  for (const [row, { id }] of entities.entries()) {
    const ofEntity = overlay.get(id)?.vectors[space]?.map(({ image }) => image) ?? base.images(space, id)
    ofEntity.forEach((image, rank) => {
      rows.push(row)
      ranks.push(rank)
      images.push(image)
    })
    if (row % ENTITIES_PER_TURN === ENTITIES_PER_TURN - 1) await setImmediate()
  }
  const vectorsOf = ({ id }: Entity): readonly ReferenceVector[] => overlay.get(id)?.vectors[space] ?? base.references(space, id)
  return {
    encoder: { ...encoder, dims },
    entityRows: Uint32Array.from(rows),
    read: async vector => vectorsOf(entities[rows[vector]!]!)[ranks[vector]!]!.vector,
    ...(space === 'face' ? { images } : {})
  }
}
