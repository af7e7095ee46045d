// An immutable view: an index with changes laid over it, as one knowledge base.
import { isDeepStrictEqual } from 'node:util'
import { createGazetteer, type Gazetteer } from '../../captions/gazetteer.ts'
import type { KnowledgeBase } from '../types.ts'
import { SPACES, TEXT_SPACES, type Entity, type Neighbour, type Space, type TextSpace } from '../../types.ts'
import { dot, fromBase64 } from '../../math/vector.ts'
import type { ChangeSet, EntityChanges } from '../changes/change-set.ts'
import { once } from '../../once.ts'
import { createTop } from '../search/top-k.ts'
import type { IndexedKnowledgeBase, ReferenceVector } from '../search/open-index.ts'

/** How one entity differs from the index. */
export interface OverlayEntity {
  /** Null where it is deleted. */
  readonly entity: Entity | null
  /** All its vectors by space; in a space that is absent it has those of the index. */
  readonly vectors: { readonly [S in Space]?: readonly ReferenceVector[] }
}

export type Overlay = ReadonlyMap<string, OverlayEntity>

export interface KnowledgeBaseView extends KnowledgeBase {
  readonly base: IndexedKnowledgeBase
  readonly overlay: Overlay
  readonly blocked: ReadonlySet<string>
  /** An entity's reference photos; null for one whose photo is not known. */
  readonly images: (id: string) => Array<string | null>
}

/**
 * How `id` differs from the index by the changes; undefined where it does not, as after a compaction.
 *
 * @param recipe identity of the face encoder that runs: faces of another encoder are left out, and so are texts of another
 * encoder than the index's.
 */
export function differences (base: IndexedKnowledgeBase, changes: ChangeSet, id: string, recipe: string): OverlayEntity | undefined {
  const of = changes.of(id)
  if (of === undefined) return undefined
  const before = base.entity(id)
  const entity = of.text === undefined ? before ?? null : of.text.kind === 'put' ? of.text.record : null
  if (entity === null) return before === undefined ? undefined : { entity: null, vectors: { face: [], name: [], name_description: [] } }
  const indexed = base.references('face', id)
  const kept = indexed.filter(({ image }) => stays(of, image))
  const added = addedFaces(of, recipe).filter(({ image }) => indexed.every(other => other.image !== image))
  const sameFaces = kept.length === indexed.length && added.length === 0
  const vectors = { ...(sameFaces ? {} : { face: [...kept, ...added] }), ...textsOf(base, of, before, entity) }
  if (Object.keys(vectors).length === 0 && before !== undefined && sameTexts(before, entity)) return undefined
  return { entity, vectors }
}

/** Faces of added photos, in order of image id. */
function addedFaces ({ images }: EntityChanges, recipe: string): ReferenceVector[] {
  return [...images.values()]
    .flatMap(change => change.kind === 'add-image' && change.recipe === recipe ? [change] : [])
    .map(({ image, face }) => ({ image, vector: fromBase64(face) }))
    .sort((a, b) => a.image < b.image ? -1 : 1)
}

/** The vector of each text that differs from the index's: the one that came with the change, or none. */
function textsOf (
  base: IndexedKnowledgeBase,
  { text }: EntityChanges,
  before: Entity | undefined,
  entity: Entity
): { readonly [S in TextSpace]?: readonly ReferenceVector[] } {
  const vectors: { [S in TextSpace]?: readonly ReferenceVector[] } = {}
  for (const space of TEXT_SPACES) {
    const indexed = base.manifest.spaces[space]
    if (indexed === undefined) continue
    const had = base.images(space, entity.id).length > 0
    const sameText = before?.name === entity.name && (space === 'name' || before.description === entity.description)
    if (had && sameText) continue
    const given = text?.kind === 'put' ? text.texts?.[space] : undefined
    const own = given?.recipe === indexed.encoder.recipe ? [{ image: null, vector: fromBase64(given.vector) }] : []
    if (had || own.length > 0) vectors[space] = own
  }
  return vectors
}

/** Whether a face of the index stays: after a deletion, only what was added since does. */
function stays ({ deleted, images }: EntityChanges, image: string | null): boolean {
  const last = image === null ? undefined : images.get(image)
  return last === undefined ? deleted === undefined : last.kind === 'add-image'
}

function sameTexts (a: Entity, b: Entity): boolean {
  const sameYears = a.birthYear === b.birthYear && a.deathYear === b.deathYear
  return sameYears && a.name === b.name && a.description === b.description && isDeepStrictEqual(a.aliases, b.aliases)
}

/** @param digest of the changes, those of the blocklist included; it is appended to the version of the index. */
export function createView (
  base: IndexedKnowledgeBase, overlay: Overlay, digest: string, blocked: ReadonlySet<string> = new Set()
): KnowledgeBaseView {
  const own = new Map(SPACES.map(space => [space, ownIn(overlay, space)]))
  let entities = base.info.entities
  for (const [id, { entity }] of overlay) entities += Number(entity !== null) - Number(base.entity(id) !== undefined)
  const hidden = (space: Space, id: string): boolean => {
    const changed = overlay.get(id)
    return changed !== undefined && (changed.entity === null || changed.vectors[space] !== undefined)
  }
  const entityOf = (id: string): Entity | undefined => {
    const changed = overlay.get(id)
    return changed === undefined ? base.entity(id) : changed.entity ?? undefined
  }
  const ownNames = once(async () => await createGazetteer(
    [...overlay.values()].flatMap(({ entity }) => entity === null || blocked.has(entity.id) ? [] : [entity])
  ))
  return {
    base,
    overlay,
    blocked,
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
      const faces = overlay.get(id)?.vectors.face
      return faces === undefined ? await base.cohortMean({ id }) : base.cohortMeanOf(id, faces.map(({ vector }) => vector))
    },
    entity: entityOf,
    names: async () => {
      const isHidden = (id: string): boolean => overlay.has(id) || blocked.has(id)
      return overlay.size + blocked.size === 0 ? await base.names() : overlaidGazetteer(await base.names(), await ownNames(), isHidden)
    },
    images: id => overlay.get(id)?.vectors.face?.map(({ image }) => image) ?? base.images('face', id),
    close: async () => {}
  }
}

/** The names of the index without those of hidden entities, and the names that changed entities have now. */
function overlaidGazetteer (base: Gazetteer, own: Gazetteer, isHidden: (id: string) => boolean): Gazetteer {
  return {
    begins: key => base.begins(key) || own.begins(key),
    isGivenName: word => base.isGivenName(word) || own.isGivenName(word),
    isSurname: word => base.isSurname(word) || own.isSurname(word),
    bearers: key => [...base.bearers(key).filter(({ entity }) => !isHidden(entity.id)), ...own.bearers(key)]
  }
}

/** Changed entities with vectors in `space` that are not the index's. */
function ownIn (overlay: Overlay, space: Space): Array<{ readonly entity: Entity, readonly vectors: readonly ReferenceVector[] }> {
  return [...overlay.values()].flatMap(({ entity, vectors: { [space]: vectors = [] } }) => {
    return entity === null || vectors.length === 0 ? [] : [{ entity, vectors }]
  })
}

/** Changed entities without a vector in a text space of the index: no encoder for it ran when they were put. */
export function withoutTexts ({ base, overlay }: KnowledgeBaseView): string[] {
  const spaces = TEXT_SPACES.filter(space => base.dims[space] !== undefined)
  const lacksText = (id: string, { entity, vectors }: OverlayEntity): boolean => {
    return entity !== null && spaces.some(space => (vectors[space] ?? base.images(space, id)).length === 0)
  }
  return [...overlay].filter(([id, changed]) => lacksText(id, changed)).map(([id]) => id)
}

/** The best cosine of `embedding` to `vectors`; NaN where there are none. */
function bestOf (vectors: readonly ReferenceVector[], embedding: Float32Array): number {
  return vectors.reduce((best, { vector }) => {
    const similarity = dot(vector, embedding)
    return similarity <= best ? best : similarity
  }, NaN)
}

/** The `k` nearest of the index that are not hidden: doubles the number asked for until there are enough, or no more. */
async function searchUnhidden (
  base: IndexedKnowledgeBase,
  space: Space,
  embedding: Float32Array,
  k: number,
  hidden: (space: Space, id: string) => boolean
): Promise<Neighbour[]> {
  for (let wanted = k; ; wanted *= 2) {
    const found = await base.search(space, embedding, wanted)
    const kept = found.filter(({ entity }) => !hidden(space, entity.id))
    if (kept.length >= k || found.length < wanted) return kept.slice(0, k)
  }
}
