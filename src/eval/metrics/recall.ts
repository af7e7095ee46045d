// Recall@K and MRR@K of rankings, per query and per person.

/** One answer of a ranking; `score` is what orders it. */
export interface Ranked { readonly id: string, readonly score: number }

/** One query whose entity is in the index: the entity and its rank, from 1; Infinity where it was not found. */
export interface Hit { readonly person: string, readonly rank: number }

export const RECALL_AT = [1, 3, 5, 10] as const
export const MRR_AT = [3, 5, 10] as const
export type Recall = Readonly<Record<typeof RECALL_AT[number], number>>
export type Mrr = Readonly<Record<typeof MRR_AT[number], number>>
export interface Scores { readonly recall: Recall, readonly mrr: Mrr }

/** Length of a ranking that the measures need: one more than 10, to detect a tie across the cut. */
export const DEPTH = 11

/**
 * Rank of `id`, from 1, in a ranking that is sorted best first; Infinity where it is missing.
 *
 * Among equal scores the right entity counts as the last: the order of ties must not earn anything. NaN equals nothing, so
 * candidates without a score keep their rank.
 */
export function rankOf (ranking: readonly Ranked[], id: string): number {
  const at = ranking.findIndex(r => r.id === id)
  if (at < 0) return Infinity
  let last = at
  while (ranking[last + 1]?.score === ranking[at]!.score) last++
  return last + 1
}

/** All measures of one rank, each 0..1. */
export function scoresOfRank (rank: number): Scores {
  return {
    recall: each(RECALL_AT, k => rank <= k ? 1 : 0),
    mrr: each(MRR_AT, k => rank <= k ? 1 / rank : 0)
  }
}

/** The mean of each measure; NaN for none. */
export function meanScores (all: readonly Scores[]): Scores {
  const mean = (value: (s: Scores) => number): number => all.reduce((sum, s) => sum + value(s), 0) / all.length
  return {
    recall: each(RECALL_AT, k => mean(s => s.recall[k])),
    mrr: each(MRR_AT, k => mean(s => s.mrr[k]))
  }
}

/** Groups hits by person, in order of appearance. */
export function byPerson (hits: readonly Hit[]): Hit[][] {
  const groups = new Map<string, Hit[]>()
  for (const hit of hits) {
    const group = groups.get(hit.person)
    if (group === undefined) groups.set(hit.person, [hit])
    else group.push(hit)
  }
  return [...groups.values()]
}

/** Averages over queries: each photo has the same weight. */
export function perQuery (hits: readonly Hit[]): Scores {
  return meanScores(hits.map(hit => scoresOfRank(hit.rank)))
}

/** Averages each person's queries, then the persons: each person has the same weight, whatever the number of photos. */
export function perPerson (hits: readonly Hit[]): Scores {
  return meanScores(byPerson(hits).map(perQuery))
}

export function each<K extends number, V> (keys: readonly K[], value: (key: K) => V): Record<K, V> {
  return Object.fromEntries(keys.map(k => [k, value(k)])) as Record<K, V>
}
