// How far the measures could have come out otherwise: bootstrap intervals over persons.
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { byPerson, each, meanScores, MRR_AT, perQuery, RECALL_AT, type Hit, type Scores } from './metrics.ts'

/** Low and high end of a 95 % interval. */
export type Interval = readonly [number, number]

export interface ScoreIntervals {
  readonly recall: Readonly<Record<typeof RECALL_AT[number], Interval>>
  readonly mrr: Readonly<Record<typeof MRR_AT[number], Interval>>
}

export interface BootstrapOptions { readonly resamples?: number, readonly seed?: number }

/**
 * Percentile bootstrap. Persons are drawn, not photos: photos of one person succeed and fail together, and drawing
 * them one by one would make the interval too narrow.
 *
 * @returns intervals of the averages per query and per person.
 * @see Efron & Tibshirani 1993, chapter 13.
 */
export function bootstrap (hits: readonly Hit[], { resamples = 1000, seed = 1 }: BootstrapOptions = {}): { perQuery: ScoreIntervals, perPerson: ScoreIntervals } {
  const persons = byPerson(hits).map(group => ({ count: group.length, mean: perQuery(group) }))
  const random = xoroshiro128plus(seed)
  const draws = Array.from({ length: resamples }, () => {
    const drawn = persons.map(() => persons[uniformInt(random, 0, persons.length - 1)]!)
    return { perQuery: weightedMean(drawn), perPerson: meanScores(drawn.map(p => p.mean)) }
  })
  return { perQuery: intervals(draws.map(d => d.perQuery)), perPerson: intervals(draws.map(d => d.perPerson)) }
}

function weightedMean (persons: ReadonlyArray<{ count: number, mean: Scores }>): Scores {
  const total = persons.reduce((sum, p) => sum + p.count, 0)
  const mean = (value: (s: Scores) => number): number => persons.reduce((sum, p) => sum + p.count * value(p.mean), 0) / total
  return { recall: each(RECALL_AT, k => mean(s => s.recall[k])), mrr: each(MRR_AT, k => mean(s => s.mrr[k])) }
}

function intervals (draws: readonly Scores[]): ScoreIntervals {
  return {
    recall: each(RECALL_AT, k => interval(draws.map(d => d.recall[k]))),
    mrr: each(MRR_AT, k => interval(draws.map(d => d.mrr[k])))
  }
}

function interval (values: number[]): Interval {
  values.sort((a, b) => a - b)
  const at = (q: number): number => values[Math.min(values.length - 1, Math.floor(q * values.length))] ?? NaN
  return [at(0.025), at(0.975)]
}
