import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { describe, expect, it } from 'vitest'
import { bootstrap } from '../../../src/eval/metrics/bootstrap.ts'
import { MRR_AT, perPerson, perQuery, rankOf, RECALL_AT, type Hit, type Ranked } from '../../../src/eval/metrics/recall.ts'

const random = xoroshiro128plus(20261122)
const int = (from: number, to: number): number => uniformInt(random, from, to)

/** Scores from a handful of values, so that ties are common; some without any score. */
function randomRanking (): Ranked[] {
  const ids = Array.from({ length: int(0, 14) }, (_, i) => `Q${i + 1}`)
  const scored = ids.map(id => ({ id, score: int(0, 5) / 5 })).sort((a, b) => b.score - a.score)
  return [...scored, ...Array.from({ length: int(0, 2) }, (_, i) => ({ id: `Q${100 + i}`, score: NaN }))]
}

/** The definition, word for word: every other answer that is not worse stands before the right one. */
function bruteRank (ranking: readonly Ranked[], id: string): number {
  const right = ranking.find(r => r.id === id)
  if (right === undefined) return Infinity
  if (Number.isNaN(right.score)) return ranking.indexOf(right) + 1
  return 1 + ranking.filter(other => other.id !== id && other.score >= right.score).length
}

describe('rank', () => {
  it('agrees with the definition on random rankings with ties, missing entities and answers without a score', () => {
    for (let n = 0; n < 3000; n++) {
      const ranking = randomRanking()
      for (const id of ['Q1', 'Q2', 'Q7', 'Q14', 'Q100', 'Q999']) expect(rankOf(ranking, id)).toBe(bruteRank(ranking, id))
    }
  })

  it('gives a model that scores everyone alike the last place, and an empty ranking none', () => {
    expect(rankOf([{ id: 'Q1', score: 0 }, { id: 'Q2', score: 0 }, { id: 'Q3', score: 0 }], 'Q1')).toBe(3)
    expect(rankOf([], 'Q1')).toBe(Infinity)
  })
})

describe('averages', () => {
  it('agree with the definition per query and per person', () => {
    for (let n = 0; n < 200; n++) {
      const hits: Hit[] = Array.from({ length: int(1, 60) }, () => ({
        person: `Q${int(1, 8)}`,
        rank: int(0, 5) === 0 ? Infinity : int(1, 14)
      }))
      const persons = [...new Set(hits.map(h => h.person))]
      const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length
      const recall = (of: Hit[], k: number): number => of.filter(h => h.rank <= k).length / of.length
      const mrr = (of: Hit[], k: number): number => mean(of.map(h => h.rank > k ? 0 : 1 / h.rank))
      for (const k of RECALL_AT) {
        expect(perQuery(hits).recall[k]).toBeCloseTo(recall(hits, k), 12)
        expect(perPerson(hits).recall[k]).toBeCloseTo(mean(persons.map(p => recall(hits.filter(h => h.person === p), k))), 12)
      }
      for (const k of MRR_AT) {
        expect(perQuery(hits).mrr[k]).toBeCloseTo(mrr(hits, k), 12)
        expect(perPerson(hits).mrr[k]).toBeCloseTo(mean(persons.map(p => mrr(hits.filter(h => h.person === p), k))), 12)
      }
    }
  })

  it('count persons alike: one person with many photos does not outweigh the others', () => {
    const hits = [...Array.from({ length: 9 }, () => ({ person: 'Q1', rank: 1 })), { person: 'Q2', rank: Infinity }]
    expect(perQuery(hits).recall[1]).toBe(0.9)
    expect(perPerson(hits).recall[1]).toBe(0.5)
  })
})

describe('bootstrap', () => {
  const hits: Hit[] = Array.from({ length: 300 }, (_, i) => ({ person: `Q${i % 40}`, rank: (i % 40) % 5 === 0 ? 2 : 1 }))

  it('holds the average inside its interval and repeats itself from the same seed', () => {
    const { perQuery: query, perPerson: person } = bootstrap(hits)
    expect(query.recall[1][0]).toBeLessThan(perQuery(hits).recall[1])
    expect(query.recall[1][1]).toBeGreaterThan(perQuery(hits).recall[1])
    expect(person.mrr[3][0]).toBeLessThan(perPerson(hits).mrr[3])
    expect(bootstrap(hits)).toEqual(bootstrap(hits))
    expect(bootstrap(hits, { seed: 2 })).not.toEqual(bootstrap(hits))
  })

  it('draws persons: forty persons give an interval near that of forty answers, not of three hundred', () => {
    const [low, high] = bootstrap(hits).perPerson.recall[1]
    // Standard error of a share of 0.8 among 40: 0.063, so the interval is about 0.25 wide; among 300 it were 0.09.
    expect(high - low).toBeGreaterThan(0.18)
    expect(high - low).toBeLessThan(0.32)
  })

  it('is one point where every person is alike', () => {
    expect(bootstrap([{ person: 'Q1', rank: 1 }, { person: 'Q2', rank: 1 }]).perPerson.recall[1]).toEqual([1, 1])
  })
})
