// An index with changes laid over it: a knowledge base of its own, which never changes once it is made.
import type { KnowledgeBase } from '../ports.ts'
import type { Entity, Neighbour, Space } from '../types.ts'
import { dot } from '../math/vector.ts'
import { decodeFace } from './change.ts'
import type { ChangeSet, EntityChanges } from './change-set.ts'
import { createTop } from './exact.ts'
import type { IndexedKnowledgeBase, ReferenceVector } from './open-index.ts'

/** What is other than in the index about one entity. */
export interface OverlayEntity {
  /** Null where it is deleted. */
  readonly entity: Entity | null
  /** All its faces, null where they are those of the index. */
  readonly faces: readonly ReferenceVector[] | null
}

export type Overlay = ReadonlyMap<string, OverlayEntity>

export interface KnowledgeBaseView extends KnowledgeBase {
  readonly base: IndexedKnowledgeBase
  readonly overlay: Overlay
  /** An entity's reference photos; null for one whose photo is not known. */
  readonly images: (id: string) => Array<string | null>
}

/**
 * How `id` differs from the index by the changes; undefined where it does not, as after a compaction.
 *
 * @param recipe the encoder that asks: faces of another one are left out.
 */
export function differences (base: IndexedKnowledgeBase, changes: ChangeSet, id: string, recipe: string): OverlayEntity | undefined {
  const of = changes.of(id)
  if (of === undefined) return undefined
  const before = base.entity(id)
  const entity = of.text === undefined ? before ?? null : of.text.kind === 'put' ? of.text.record : null
  if (entity === null) return before === undefined ? undefined : { entity: null, faces: [] }
  const theirs = base.references('face', id)
  const kept = theirs.filter(({ image }) => stays(of, image))
  const added = [...of.images.values()].flatMap(image => image.kind === 'add-image' && image.recipe === recipe && theirs.every(other => other.image !== image.image) ? [{ image: image.image, vector: decodeFace(image.face) }] : [])
  const sameFaces = kept.length === theirs.length && added.length === 0
  if (sameFaces && before !== undefined && sameTexts(before, entity)) return undefined
  return { entity, faces: sameFaces ? null : [...kept, ...added] }
}

/** Whether a face of the index stays: after a deletion only what was added since does. */
function stays ({ deleted, images }: EntityChanges, image: string | null): boolean {
  const last = image === null ? undefined : images.get(image)
  return last === undefined ? deleted === undefined : last.kind === 'add-image'
}

function sameTexts (a: Entity, b: Entity): boolean {
  return a.name === b.name && a.description === b.description && a.aliases.length === b.aliases.length && a.aliases.every((alias, i) => alias === b.aliases[i])
}

/** @param digest of the changes: the version is the index's with it. */
export function createView (base: IndexedKnowledgeBase, overlay: Overlay, digest: string): KnowledgeBaseView {
  const faces = [...overlay.values()].flatMap(({ entity, faces }) => entity === null || faces === null ? [] : [{ entity, faces }]).filter(({ faces }) => faces.length > 0)
  let entities = base.info.entities
  for (const [id, { entity }] of overlay) entities += Number(entity !== null) - Number(base.entity(id) !== undefined)
  const hidden = (space: Space, id: string): boolean => {
    const other = overlay.get(id)
    return other !== undefined && (other.entity === null || (space === 'face' && other.faces !== null))
  }
  const entityOf = (id: string): Entity | undefined => {
    const other = overlay.get(id)
    return other === undefined ? base.entity(id) : other.entity ?? undefined
  }
  return {
    base,
    overlay,
    info: { ...base.info, version: digest === '' ? base.info.version : `${base.info.version}+${digest}`, entities },
    dims: base.dims,
    decision: base.decision,
    fusion: base.fusion,
    calibration: base.calibration,
    async search (space, embedding, k) {
      const ofBase = await searchUnhidden(base, space, embedding, k, hidden)
      const current = ofBase.map(({ entity, similarity }) => ({ entity: entityOf(entity.id)!, similarity }))
      if (space !== 'face' || faces.length === 0) return current
      const top = createTop(Math.min(k, faces.length))
      faces.forEach(({ faces }, row) => { top.offer(row, bestFace(faces, embedding)) })
      const { rows, similarities } = top.hits()
      const own = Array.from(rows, (row, i): Neighbour => ({ entity: faces[row]!.entity, similarity: similarities[i]! }))
      return [...current, ...own].sort((a, b) => b.similarity - a.similarity).slice(0, k)
    },
    async similarities (space, embedding, asked) {
      const found = await base.similarities(space, embedding, asked)
      if (overlay.size === 0) return found
      return found.map((similarity, i) => {
        const { id } = asked[i]!
        return hidden(space, id) ? bestFace(overlay.get(id)?.faces ?? [], embedding) : similarity
      })
    },
    vectors: async (space, { id }) => (space === 'face' ? overlay.get(id)?.faces : undefined)?.map(({ vector }) => vector) ?? await base.vectors(space, { id }),
    async usual ({ id }) {
      const other = overlay.get(id)?.faces
      return other === undefined || other === null ? await base.usual({ id }) : base.usualOf(id, other.map(({ vector }) => vector))
    },
    entity: entityOf,
    images: id => (overlay.get(id)?.faces ?? base.references('face', id)).map(({ image }) => image),
    close: async () => {}
  }
}

/** NaN where there is none. */
function bestFace (faces: readonly ReferenceVector[], embedding: Float32Array): number {
  return faces.reduce((best, { vector }) => {
    const similarity = dot(vector, embedding)
    return similarity <= best ? best : similarity
  }, NaN)
}

/** The `k` nearest of the index that are not hidden: the index is asked for more until there are as many, or no more. */
async function searchUnhidden (base: IndexedKnowledgeBase, space: Space, embedding: Float32Array, k: number, hidden: (space: Space, id: string) => boolean): Promise<Neighbour[]> {
  for (let wanted = k; ; wanted *= 2) {
    const found = await base.search(space, embedding, wanted)
    const kept = found.filter(({ entity }) => !hidden(space, entity.id))
    if (kept.length >= k || found.length < wanted) return kept.slice(0, k)
  }
}
