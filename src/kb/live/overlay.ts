// An index with changes laid over it: a knowledge base of its own, which never changes once it is made.
import type { KnowledgeBase } from '../types.ts'
import { SPACES, TEXT_SPACES, type Entity, type Neighbour, type Space, type TextSpace } from '../../types.ts'
import { dot, fromBase64 } from '../../math/vector.ts'
import type { ChangeSet, EntityChanges } from './change-set.ts'
import { createTop } from '../search/top-k.ts'
import type { IndexedKnowledgeBase, ReferenceVector } from '../search/open-index.ts'

/** What is other than in the index about one entity. */
export interface OverlayEntity {
  /** Null where it is deleted. */
  readonly entity: Entity | null
  /** All its vectors in a space; a space that is absent has those of the index. */
  readonly vectors: { readonly [S in Space]?: readonly ReferenceVector[] }
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
 * @param recipe the encoder that asks: faces of another one are left out, and texts of another one than the index's.
 */
export function differences (base: IndexedKnowledgeBase, changes: ChangeSet, id: string, recipe: string): OverlayEntity | undefined {
  const of = changes.of(id)
  if (of === undefined) return undefined
  const before = base.entity(id)
  const entity = of.text === undefined ? before ?? null : of.text.kind === 'put' ? of.text.record : null
  if (entity === null) return before === undefined ? undefined : { entity: null, vectors: { face: [], name: [], name_description: [] } }
  const theirs = base.references('face', id)
  const kept = theirs.filter(({ image }) => stays(of, image))
  const added = [...of.images.values()].flatMap(image => image.kind === 'add-image' && image.recipe === recipe && theirs.every(other => other.image !== image.image) ? [{ image: image.image, vector: fromBase64(image.face) }] : []).sort((a, b) => a.image < b.image ? -1 : 1)
  const sameFaces = kept.length === theirs.length && added.length === 0
  const vectors = { ...(sameFaces ? {} : { face: [...kept, ...added] }), ...textsOf(base, of, before, entity) }
  if (Object.keys(vectors).length === 0 && before !== undefined && sameTexts(before, entity)) return undefined
  return { entity, vectors }
}

/** The vector of each text that is another than the index's: the one that came with it, or none. */
function textsOf (base: IndexedKnowledgeBase, { text }: EntityChanges, before: Entity | undefined, entity: Entity): { readonly [S in TextSpace]?: readonly ReferenceVector[] } {
  const vectors: { [S in TextSpace]?: readonly ReferenceVector[] } = {}
  for (const space of TEXT_SPACES) {
    const theirs = base.manifest.spaces[space]
    if (theirs === undefined) continue
    const had = base.images(space, entity.id).length > 0
    if (had && before !== undefined && before.name === entity.name && (space === 'name' || before.description === entity.description)) continue
    const given = text?.kind === 'put' ? text.texts?.[space] : undefined
    const own = given?.recipe === theirs.encoder.recipe ? [{ image: null, vector: fromBase64(given.vector) }] : []
    if (had || own.length > 0) vectors[space] = own
  }
  return vectors
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
  const own = new Map(SPACES.map(space => [space, ownIn(overlay, space)]))
  let entities = base.info.entities
  for (const [id, { entity }] of overlay) entities += Number(entity !== null) - Number(base.entity(id) !== undefined)
  const hidden = (space: Space, id: string): boolean => {
    const other = overlay.get(id)
    return other !== undefined && (other.entity === null || other.vectors[space] !== undefined)
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
      const added = own.get(space)!
      if (added.length === 0) return current
      const top = createTop(Math.min(k, added.length))
      added.forEach(({ vectors }, row) => { top.offer(row, bestOf(vectors, embedding)) })
      const { rows, similarities } = top.hits()
      const near = Array.from(rows, (row, i): Neighbour => ({ entity: added[row]!.entity, similarity: similarities[i]! }))
      return [...current, ...near].sort((a, b) => b.similarity - a.similarity).slice(0, k)
    },
    async similarities (space, embedding, asked) {
      const found = await base.similarities(space, embedding, asked)
      if (overlay.size === 0) return found
      return found.map((similarity, i) => {
        const { id } = asked[i]!
        return hidden(space, id) ? bestOf(overlay.get(id)?.vectors[space] ?? [], embedding) : similarity
      })
    },
    vectors: async (space, { id }) => overlay.get(id)?.vectors[space]?.map(({ vector }) => vector) ?? await base.vectors(space, { id }),
    async cohortMean ({ id }) {
      const other = overlay.get(id)?.vectors.face
      return other === undefined ? await base.cohortMean({ id }) : base.cohortMeanOf(id, other.map(({ vector }) => vector))
    },
    entity: entityOf,
    images: id => overlay.get(id)?.vectors.face?.map(({ image }) => image) ?? base.images('face', id),
    close: async () => {}
  }
}

/** Changed entities that have vectors of their own in `space`. */
function ownIn (overlay: Overlay, space: Space): Array<{ readonly entity: Entity, readonly vectors: readonly ReferenceVector[] }> {
  return [...overlay.values()].flatMap(({ entity, vectors: { [space]: vectors = [] } }) => entity === null || vectors.length === 0 ? [] : [{ entity, vectors }])
}

/** Changed entities that texts do not find, though the index has texts: they were put where no encoder of them ran. */
export function withoutTexts ({ base, overlay }: KnowledgeBaseView): string[] {
  const spaces = TEXT_SPACES.filter(space => base.dims[space] !== undefined)
  return [...overlay].filter(([id, { entity, vectors }]) => entity !== null && spaces.some(space => (vectors[space] ?? base.images(space, id)).length === 0)).map(([id]) => id)
}

/** NaN where there is none. */
function bestOf (vectors: readonly ReferenceVector[], embedding: Float32Array): number {
  return vectors.reduce((best, { vector }) => {
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
