// Confidence intervals of the measures, by bootstrap over persons.
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { byPerson, each, MRR_AT, perQuery, RECALL_AT, type Hit, type Scores } from './recall.ts'

/** Low and high end of a 95 % interval. */
export type Interval = readonly [number, number]

export interface ScoreIntervals {
  readonly recall: Readonly<Record<typeof RECALL_AT[number], Interval>>
  readonly mrr: Readonly<Record<typeof MRR_AT[number], Interval>>
}

export interface BootstrapOptions { readonly resamples?: number, readonly seed?: number }

/** The seven measures, in order. */
const MEASURES: ReadonlyArray<(s: Scores) => number> = [
  ...RECALL_AT.map(k => (s: Scores) => s.recall[k]),
  ...MRR_AT.map(k => (s: Scores) => s.mrr[k])
]

/**
 * Percentile bootstrap. Persons are resampled, not photos: results of one person's photos are correlated, so resampling photos
 * would make the interval too narrow.
 *
 * @returns intervals of the averages per query and per person.
 * @see Efron & Tibshirani 1993, chapter 13.
 */
export function bootstrap (
  hits: readonly Hit[],
  { resamples = 1000, seed = 1 }: BootstrapOptions = {}
): { perQuery: ScoreIntervals, perPerson: ScoreIntervals } {
  const groups = byPerson(hits)
  const counts = Float64Array.from(groups, group => group.length)
  const width = MEASURES.length
  // [person, measure]: a person's mean. Flat, since thousands of persons are drawn a thousand times.
  const means = Float64Array.from(
    groups.flatMap(group => {
      const mean = perQuery(group)
      return MEASURES.map(measure => measure(mean))
    })
  )
  const queryDraws = MEASURES.map(() => new Float64Array(resamples))
  const personDraws = MEASURES.map(() => new Float64Array(resamples))
  const random = xoroshiro128plus(seed)
  const byQuery = new Float64Array(width)
  const byHead = new Float64Array(width)
  for (let draw = 0; draw < resamples; draw++) {
    byQuery.fill(0)
    byHead.fill(0)
    let queries = 0
    for (let n = 0; n < counts.length; n++) {
      const person = uniformInt(random, 0, counts.length - 1)
      queries += counts[person]!
      for (let m = 0; m < width; m++) {
        byHead[m]! += means[person * width + m]!
        byQuery[m]! += counts[person]! * means[person * width + m]!
      }
    }
    for (let m = 0; m < width; m++) {
      queryDraws[m]![draw] = byQuery[m]! / queries
      personDraws[m]![draw] = byHead[m]! / counts.length
    }
  }
  return { perQuery: intervals(queryDraws), perPerson: intervals(personDraws) }
}

function intervals (draws: readonly Float64Array[]): ScoreIntervals {
  const ends = draws.map(interval)
  return { recall: each(RECALL_AT, k => ends[RECALL_AT.indexOf(k)]!), mrr: each(MRR_AT, k => ends[RECALL_AT.length + MRR_AT.indexOf(k)]!) }
}

function interval (values: Float64Array): Interval {
  values.sort()
  const at = (q: number): number => values[Math.min(values.length - 1, Math.floor(q * values.length))] ?? NaN
  return [at(0.025), at(0.975)]
}
