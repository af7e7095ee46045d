// A sample of the index's faces, to tell how similar others usually are to someone: some faces are near to everyone, and
// a high similarity to such a one says less.
import type { SpaceIndex } from './read-index.ts'
import { tableOf } from './vector-table.ts'

export interface Cohort {
  /**
   * Mean cosine of `vectors` to the faces of the cohort that are nearest to each, less what that is for people at large.
   *
   * @param row the entity's own, whose faces do not count; null for one that is not in the index.
   */
  readonly mean: (vectors: readonly Float32Array[], row: number | null) => number | null
}

/** Faces in the cohort at most, spread evenly over the index: more told nothing more on the dev sets. */
const LARGEST = 1000
/** With fewer, what is nearest to a face is chance. */
const SMALLEST = 200
/** Faces of the cohort that are averaged. @see Matějka et al. 2017, "Analysis of Score Normalization in Multilingual Speaker Recognition": adaptive cohorts */
const NEAREST = 50
/** Members of the cohort that stand for people at large. */
const AT_LARGE = 100

/** Entities between which others get their turn. */
const AT_A_TIME = 64

/** @returns null where the index has too few faces. */
export function createCohort ({ table, entityRows }: Pick<SpaceIndex, 'table' | 'entityRows'>): Cohort | null {
  if (table.count < SMALLEST) return null
  const size = Math.min(LARGEST, table.count)
  const members = Array.from({ length: size }, (_, i) => Math.floor(i * table.count / size))
  const faces = members.map(vector => table.read(vector, new Float32Array(table.dims)))
  const membersOf = new Map<number, number[]>()
  members.forEach((vector, i) => { membersOf.set(entityRows[vector]!, [...membersOf.get(entityRows[vector]!) ?? [], i]) })
  const cohort = tableOf('int8', faces, table.dims)
  const nearest = (vector: Float32Array, own: number | null): number => {
    const similarities = cohort.scan(vector)
    for (const i of (own === null ? undefined : membersOf.get(own)) ?? []) similarities[i] = -1
    return meanOfHighest(similarities, NEAREST)
  }
  const step = Math.max(1, Math.floor(size / AT_LARGE))
  const atLarge = mean(faces.flatMap((face, i) => i % step === 0 ? [nearest(face, entityRows[members[i]!]!)] : []))
  return { mean: (vectors, row) => vectors.length === 0 ? null : mean(vectors.map(vector => nearest(vector, row))) - atLarge }
}

/**
 * @param entities how many there are; vectors of one stand together.
 * @returns float32 `[entities]`, `usual` of each, NaN for one without a face; null where the index has too few faces.
 */
export async function cohortMeans ({ table, entityRows }: Pick<SpaceIndex, 'table' | 'entityRows'>, entities: number, onDone: (vectors: number) => void = () => {}): Promise<Float32Array | null> {
  const cohort = createCohort({ table, entityRows })
  if (cohort === null) return null
  const all = new Float32Array(entities).fill(NaN)
  for (let vector = 0; vector < table.count;) {
    const row = entityRows[vector]!
    const own: Float32Array[] = []
    for (; vector < table.count && entityRows[vector] === row; vector++) own.push(table.read(vector, new Float32Array(table.dims)))
    all[row] = cohort.mean(own, row) ?? NaN
    if (row % AT_A_TIME !== 0) continue
    onDone(vector)
    await new Promise(resolve => { setImmediate(resolve) })
  }
  onDone(table.count)
  return all
}

const BINS = 256

/** Mean of the `n` highest of cosines. Sorting them all took longer than computing them. */
function meanOfHighest (cosines: Float32Array, n: number): number {
  const binOf = (cosine: number): number => Math.max(0, Math.min(BINS - 1, Math.floor((cosine + 1) / 2 * BINS)))
  const counts = new Uint32Array(BINS)
  for (const cosine of cosines) counts[binOf(cosine)]!++
  let last = BINS
  let above = 0
  while (above + counts[last - 1]! < n) above += counts[--last]!
  const between: number[] = []
  let sum = 0
  for (const cosine of cosines) {
    const bin = binOf(cosine)
    if (bin >= last) sum += cosine
    else if (bin === last - 1) between.push(cosine)
  }
  for (const cosine of between.sort((a, b) => b - a).slice(0, n - above)) sum += cosine
  return sum / n
}

function mean (values: readonly number[]): number {
  return values.reduce((sum, x) => sum + x, 0) / values.length
}
