// A view back to an index folder: the changes become part of the index.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Entity, Space } from '../types.ts'
import { readableFolder, removeUnfinished } from './folder.ts'
import { REPORT_FILE, type IndexManifest } from './format.ts'
import type { ReferenceVector } from './open-index.ts'
import type { KnowledgeBaseView } from './overlay.ts'
import { writeIndex, type OnWriting, type VectorSource } from './write-index.ts'

/** Writes what `view` shows as index `dir`. Only for who holds the index's lock. @throws VEL_ERR_INDEX where it cannot be written. */
export async function writeView (dir: string, view: KnowledgeBaseView, onWriting?: OnWriting): Promise<IndexManifest> {
  const { manifest } = view.base
  const entities = [...currentEntities(view)]
  const spaces: { [S in Space]?: VectorSource } = {}
  for (const space of Object.keys(manifest.spaces) as Space[]) spaces[space] = sourceOf(view, space, entities)
  const report = await readFile(join(await readableFolder(dir), REPORT_FILE), 'utf8').then(text => JSON.parse(text) as unknown, () => undefined)
  await removeUnfinished(dir)
  return await writeIndex(dir, {
    name: manifest.name,
    pack: manifest.pack,
    decision: manifest.decision,
    calibration: manifest.calibration,
    fusion: manifest.fusion,
    entities,
    spaces,
    // What the build found; it knew nothing of the changes.
    report: report === undefined ? undefined : () => report
  }, onWriting)
}

function * currentEntities ({ base, overlay }: KnowledgeBaseView): Generator<Entity> {
  for (const before of base.entities) {
    const other = overlay.get(before.id)
    if (other === undefined) yield before
    else if (other.entity !== null) yield other.entity
  }
  for (const [id, { entity }] of overlay) if (entity !== null && base.entity(id) === undefined) yield entity
}

/** Vectors are decoded one entity at a time. */
function sourceOf ({ base, overlay }: KnowledgeBaseView, space: Space, entities: readonly Entity[]): VectorSource {
  const { encoder, dims } = base.manifest.spaces[space]!
  const vectorsOf = (row: number): readonly ReferenceVector[] => {
    const { id } = entities[row]!
    return overlay.get(id)?.vectors[space] ?? base.references(space, id)
  }
  const rows: number[] = []
  const places: number[] = []
  const images: Array<string | null> = []
  entities.forEach((_, row) => {
    vectorsOf(row).forEach(({ image }, place) => {
      rows.push(row)
      places.push(place)
      images.push(image)
    })
  })
  return {
    encoder: { ...encoder, dims },
    entityRows: Uint32Array.from(rows),
    read: async vector => vectorsOf(rows[vector]!)[places[vector]!]!.vector,
    ...(space === 'face' ? { images } : {})
  }
}
