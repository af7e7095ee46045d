// A sample of the index's faces, to tell how similar others usually are to someone: some faces are near to everyone, and
// a high similarity to such a one says less.
import type { SpaceIndex } from './read-index.ts'
import { tableOf } from './vectors.ts'

export interface Cohort {
  /**
   * Mean cosine of `vectors` to the faces of the cohort that are nearest to each, less what that is for people at large.
   *
   * @param row the entity's own, whose faces do not count; null for one that is not in the index.
   */
  readonly usual: (vectors: readonly Float32Array[], row: number | null) => number | null
}

/** Faces in the cohort at most, spread evenly over the index: more told nothing more on the dev sets. */
const LARGEST = 1000
/** With fewer, what is nearest to a face is chance. */
const SMALLEST = 200
/** Faces of the cohort that are averaged. @see Matějka et al. 2017, "Analysis of Score Normalization in Multilingual Speaker Recognition": adaptive cohorts */
const NEAREST = 50
/** Members of the cohort that stand for people at large. */
const AT_LARGE = 100

/** @returns null where the index has too few faces. */
export function createCohort ({ table, entityRows }: Pick<SpaceIndex, 'table' | 'entityRows'>): Cohort | null {
  if (table.count < SMALLEST) return null
  const size = Math.min(LARGEST, table.count)
  const members = Array.from({ length: size }, (_, i) => Math.floor(i * table.count / size))
  const faces = members.map(vector => table.read(vector, new Float32Array(table.dims)))
  const rows = Uint32Array.from(members, vector => entityRows[vector]!)
  const cohort = tableOf('int8', faces, table.dims)
  const nearest = (vector: Float32Array, own: number | null): number => {
    const similarities = cohort.scan(vector).slice()
    rows.forEach((row, i) => { if (row === own) similarities[i] = -1 })
    return mean(similarities.sort().subarray(-NEAREST))
  }
  const step = Math.max(1, Math.floor(size / AT_LARGE))
  const atLarge = mean(faces.flatMap((face, i) => i % step === 0 ? [nearest(face, rows[i]!)] : []))
  return { usual: (vectors, row) => vectors.length === 0 ? null : mean(vectors.map(vector => nearest(vector, row))) - atLarge }
}

function mean (values: ArrayLike<number>): number {
  return Array.prototype.reduce.call<ArrayLike<number>, [(sum: number, x: number) => number, number], number>(values, (sum, x) => sum + x, 0) / values.length
}
