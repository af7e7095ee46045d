// Recall@K and MRR@K of rankings, per query and per person.

/** One answer of a ranking; `score` is what orders it. */
export interface Ranked { readonly id: string, readonly score: number }

/** One query whose right entity is in the index: who it was, and where the ranking put the right one. */
export interface Hit { readonly person: string, readonly rank: number }

export const RECALL_AT = [1, 3, 5, 10] as const
export const MRR_AT = [3, 5, 10] as const
export type Recall = Readonly<Record<typeof RECALL_AT[number], number>>
export type Mrr = Readonly<Record<typeof MRR_AT[number], number>>
export interface Scores { readonly recall: Recall, readonly mrr: Mrr }

/** How many answers a ranking needs for the measures here: one past 10, so that a tie over the edge is seen. */
export const DEPTH = 11

/**
 * Place of `id` in a ranking that is sorted best first; Infinity when it is not there.
 *
 * Among equals the right one counts as the last: a model that cannot tell people apart earns nothing by luck of order.
 * NaN equals nothing, so answers without a score keep the places they have.
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

/** Averages over queries: each photo counts alike. */
export function perQuery (hits: readonly Hit[]): Scores {
  return meanScores(hits.map(hit => scoresOfRank(hit.rank)))
}

/** Averages each person's queries, then the persons: each person counts alike, however many photos there are. */
export function perPerson (hits: readonly Hit[]): Scores {
  return meanScores(byPerson(hits).map(perQuery))
}

export function each<K extends number, V> (keys: readonly K[], value: (key: K) => V): Record<K, V> {
  return Object.fromEntries(keys.map(k => [k, value(k)])) as Record<K, V>
}
