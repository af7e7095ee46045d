// Cohort statistics for score normalisation (adaptive z-norm): some faces are similar to everyone, so a high score against them
// is weaker evidence.
import { setImmediate } from 'node:timers/promises'
import type { SpaceIndex } from './read-index.ts'
import { tableOf } from './vector-table.ts'

export interface Cohort {
  /**
   * Mean cosine of each of `vectors` to its nearest faces of the cohort, averaged over `vectors`, minus the same of an average
   * face.
   *
   * @param row entity row whose faces in the cohort are ignored; null for an entity that is not in the index.
   * @returns null without vectors.
   */
  readonly mean: (vectors: readonly Float32Array[], row: number | null) => number | null
}

type Faces = Pick<SpaceIndex, 'table' | 'entityRows'>

/** Largest cohort, spread evenly over the index: on the dev sets a larger one changed nothing. */
const MAX_COHORT = 1000
/** With fewer faces the mean is chance. */
const MIN_FACES = 200
/**
 * Faces of the cohort in a mean: the adaptive cohort.
 *
 * @see Matějka et al. 2017, "Analysis of Score Normalization in Multilingual Speaker Recognition"
 */
const NEAREST = 50
/** Faces of the cohort from which the mean of an average face is computed. */
const AVERAGED = 100
/** Entities between two turns of the event loop. */
const ENTITIES_PER_TURN = 64

/** @returns null where the index has too few faces. */
export function createCohort ({ table, entityRows }: Faces): Cohort | null {
  if (table.count < MIN_FACES) return null
  const size = Math.min(MAX_COHORT, table.count)
  const members = Array.from({ length: size }, (_, i) => Math.floor(i * table.count / size))
  const faces = members.map(vector => table.read(vector, new Float32Array(table.dims)))
  const membersOf = new Map<number, number[]>()
  members.forEach((vector, i) => { membersOf.set(entityRows[vector]!, [...membersOf.get(entityRows[vector]!) ?? [], i]) })
  const cohort = tableOf('int8', faces, table.dims)
  const meanOfNearest = (vector: Float32Array, row: number | null): number => {
    const similarities = cohort.scan(vector)
    for (const i of (row === null ? undefined : membersOf.get(row)) ?? []) similarities[i] = -1
    return meanOfHighest(similarities, NEAREST)
  }
  const step = Math.max(1, Math.floor(size / AVERAGED))
  const average = mean(faces.flatMap((face, i) => i % step === 0 ? [meanOfNearest(face, entityRows[members[i]!]!)] : []))
  return { mean: (vectors, row) => vectors.length === 0 ? null : mean(vectors.map(vector => meanOfNearest(vector, row))) - average }
}

/**
 * The cohort mean of each entity of an index.
 *
 * @param entities their number. The vectors of one entity are adjacent.
 * @param onDone vectors so far.
 * @returns float32 `[entities]`, NaN for an entity without a face; null where the index has too few faces.
 */
export async function cohortMeans (
  { table, entityRows }: Faces,
  entities: number,
  onDone: (vectors: number) => void = () => {}
): Promise<Float32Array | null> {
  const cohort = createCohort({ table, entityRows })
  if (cohort === null) return null
  const means = new Float32Array(entities).fill(NaN)
  for (let vector = 0; vector < table.count;) {
    const row = entityRows[vector]!
    const faces: Float32Array[] = []
    for (; vector < table.count && entityRows[vector] === row; vector++) faces.push(table.read(vector, new Float32Array(table.dims)))
    means[row] = cohort.mean(faces, row) ?? NaN
    if (row % ENTITIES_PER_TURN !== 0) continue
    onDone(vector)
    await setImmediate()
  }
  onDone(table.count)
  return means
}

const BINS = 256

/** Mean of the `n` highest cosines, by a histogram: sorting all took longer than computing them. */
function meanOfHighest (cosines: Float32Array, n: number): number {
  const binOf = (cosine: number): number => Math.max(0, Math.min(BINS - 1, Math.floor((cosine + 1) / 2 * BINS)))
  const counts = new Uint32Array(BINS)
  for (const cosine of cosines) counts[binOf(cosine)]!++
  let last = BINS
  let above = 0
  while (above + counts[last - 1]! < n) above += counts[--last]!
  const inLastBin: number[] = []
  let sum = 0
  for (const cosine of cosines) {
    const bin = binOf(cosine)
    if (bin >= last) sum += cosine
    else if (bin === last - 1) inLastBin.push(cosine)
  }
  for (const cosine of inLastBin.sort((a, b) => b - a).slice(0, n - above)) sum += cosine
  return sum / n
}

function mean (values: readonly number[]): number {
  return values.reduce((sum, x) => sum + x, 0) / values.length
}
