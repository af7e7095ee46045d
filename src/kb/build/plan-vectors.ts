// Encoded photos to the vectors of the index, and the report of what was left out and why.
import type { Box } from '../../types.ts'
import { DUPLICATE_FROM, type DuplicatePair } from './duplicate-faces.ts'
import type { EncodedPhoto } from './encode-photos.ts'
import type { EntitySet, LineProblem, UnknownMember } from './read-entities.ts'

export interface PhotoProblem {
  readonly id: string
  readonly photo: string
  readonly problem: 'no face' | 'unreadable' | 'missing' | 'poor face' | 'same photo twice'
  readonly detail: string
}

/** A photo with several faces, and the box of the face that was used, px. */
export interface SeveralFaces { readonly id: string, readonly photo: string, readonly faces: number, readonly taken: Box }

export interface BuildReport {
  readonly entities: number
  readonly withFace: number
  readonly photos: { readonly total: number, readonly used: number }
  readonly photoProblems: readonly PhotoProblem[]
  readonly severalFaces: readonly SeveralFaces[]
  readonly brokenLines: readonly LineProblem[]
  readonly mergedLines: readonly LineProblem[]
  readonly unknownMembers: readonly UnknownMember[]
  /** Pairs of entities with nearly the same face, most similar first: a wrong photo, or one person twice. */
  readonly alike: { readonly from: number, readonly pairs: readonly DuplicateEntities[] }
}

type Pair = readonly [string, string]

export interface DuplicateEntities { readonly ids: Pair, readonly photos: Pair, readonly similarity: number }

/** The vectors of the index: for each its entity row, the checkpoint key of its embedding, and the label of its photo. */
export interface VectorPlan { readonly entityRows: Uint32Array, readonly keys: readonly string[], readonly photos: readonly string[] }

/**
 * Divides encoded photos into vectors and problems. The same photo twice at one entity is one vector.
 *
 * @param keepPoor whether poor references become vectors too.
 */
export function planVectors (
  set: EntitySet,
  encoded: readonly EncodedPhoto[],
  keepPoor: boolean
): { plan: VectorPlan, report: Omit<BuildReport, 'alike'> } {
  const { entities, brokenLines, mergedLines, unknownMembers } = set
  const rows: number[] = []
  const keys: string[] = []
  const photos: string[] = []
  const seen = new Set<string>()
  const photoProblems: PhotoProblem[] = []
  const severalFaces: SeveralFaces[] = []
  for (const { entityRow, photo, key, outcome } of encoded) {
    const where = { id: entities[entityRow]!.entity.id, photo: photo.label }
    if (outcome.kind !== 'face') photoProblems.push({ ...where, problem: outcome.reason, detail: outcome.detail })
    else if (outcome.lacks !== undefined && !keepPoor) {
      photoProblems.push({ ...where, problem: 'poor face', detail: `left out, since it shows ${outcome.lacks}` })
    } else if (seen.has(`${entityRow} ${key}`)) photoProblems.push({ ...where, problem: 'same photo twice', detail: 'used once' })
    else {
      seen.add(`${entityRow} ${key}`)
      rows.push(entityRow)
      keys.push(key!)
      photos.push(photo.label)
      if (outcome.faces > 1) severalFaces.push({ ...where, faces: outcome.faces, taken: outcome.box })
    }
  }
  const report = {
    entities: entities.length,
    withFace: new Set(rows).size,
    photos: { total: encoded.length, used: keys.length },
    photoProblems,
    severalFaces,
    brokenLines,
    mergedLines,
    unknownMembers
  }
  return { plan: { entityRows: Uint32Array.from(rows), keys, photos }, report }
}

/** Duplicates with ids and photos instead of rows. */
export function describeDuplicates (set: EntitySet, plan: VectorPlan, pairs: readonly DuplicatePair[]): BuildReport['alike'] {
  const { entityRows, photos } = plan
  const id = (vector: number): string => set.entities[entityRows[vector]!]!.entity.id
  return {
    from: DUPLICATE_FROM,
    pairs: pairs.map(({ a, b, similarity }) => {
      return { ids: [id(a), id(b)], photos: [photos[a]!, photos[b]!], similarity: Number(similarity.toFixed(4)) }
    })
  }
}
