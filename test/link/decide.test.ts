import { describe, expect, it } from 'vitest'
import type { Candidate } from '../../src/types.ts'
import { decide, judge } from '../../src/link/decide.ts'
import type { ScoredCandidate } from '../../src/link/retrieve.ts'
import { mentionOf } from '../helpers/memory-kb.ts'

const decision = { threshold: 0.5, ambiguousMargin: 0.05, measuredOn: 'nothing' }
const entity = { id: 'Q1', name: '', description: '', aliases: [] }

describe('decide', () => {
  it.each([
    ['nobody in the index', [], 'nil', null],
    ['below the threshold', [0.49, 0.1], 'nil', null],
    ['at the threshold', [0.5, 0.1], 'linked', 'Q1'],
    ['a second entity within the margin', [0.7, 0.66], 'ambiguous', null],
    ['a second entity at the margin', [0.75, 0.7], 'linked', 'Q1'],
    ['the only entity', [0.9], 'linked', 'Q1']
  ] as const)('%s', (_, similarities, status, id) => {
    const [first, second] = similarities
    const decided = decide(first === undefined ? undefined : { entity, score: first }, second, decision)
    expect(decided.status).toBe(status)
    expect(decided.entity?.id ?? null).toBe(id)
  })

  it('knows nobody where there is no face to compare', () => {
    expect(decide({ entity, score: undefined }, 0.9, decision).status).toBe('nil')
    expect(decide({ entity, score: 0.9 }, undefined, decision).status).toBe('linked')
  })
})

describe('judge', () => {
  const criteria = { decision, entities: 3 }
  const candidate = (id: string, score: number, similarity: Candidate['similarity'], faceScore = similarity.face): ScoredCandidate =>
    ({ rank: 1, score, similarity, entity: { ...entity, id }, faceScore })
  const mention = mentionOf([1, 0])

  it('compares scores by face in every order, also where texts chose the candidates', () => {
    const byFace = [candidate('Q1', 0.55, { face: 0.55 }), candidate('Q2', 0.42, { face: 0.52 }, 0.42)]
    expect(judge(mention, byFace, criteria)).toEqual({ status: 'linked', entity: byFace[0]!.entity })
    const fused = [candidate('Q1', 2.5, { face: 0.55, text: 0.3 }), candidate('Q2', 2.4, { face: 0.52, text: 0.1 }, 0.42)]
    expect(judge(mention, fused, criteria).status).toBe('linked')
    expect(judge(mention, [fused[0]!, candidate('Q3', 2.4, { face: 0.52 })], criteria).status).toBe('ambiguous')
    expect(judge(mention, [candidate('Q2', 2.5, { face: 0.58, text: 0.3 }, 0.48)], criteria).status).toBe('nil')
    expect(judge(mention, [candidate('Q1', 2.5, { face: 0.45, text: 0.9 })], criteria).status).toBe('nil')
    expect(judge(mention, [candidate('Q1', 0.9, { text: 0.9 })], criteria).status).toBe('nil')
    expect(judge(mention, [], criteria).status).toBe('nil')
  })
})
