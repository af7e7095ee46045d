import { describe, expect, it } from 'vitest'
import type { Candidate } from '../../src/types.ts'
import { decide, judge } from '../../src/link/decide.ts'
import { memoryKb, mentionOf } from '../helpers/memory-kb.ts'

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
  // Others are usually near to Q2.
  const kb = memoryKb([], { decision, cohortMean: async ({ id }) => id === 'Q2' ? 0.2 : null })
  const candidate = (id: string, score: number, similarity: Candidate['similarity']): Candidate => ({ rank: 1, score, similarity, entity: { ...entity, id } })
  const mention = mentionOf([1, 0])

  it('goes by the score of faces in every order, also where texts chose the candidates', async () => {
    const byFace = [candidate('Q1', 0.55, { face: 0.55 }), candidate('Q2', 0.42, { face: 0.52 })]
    expect(await judge(mention, byFace, kb, true)).toEqual({ status: 'linked', entity: byFace[0]!.entity })
    const fused = [candidate('Q1', 2.5, { face: 0.55, text: 0.3 }), candidate('Q2', 2.4, { face: 0.52, text: 0.1 })]
    expect((await judge(mention, fused, kb, false)).status).toBe('linked')
    expect((await judge(mention, [fused[0]!, candidate('Q3', 2.4, { face: 0.52 })], kb, false)).status).toBe('ambiguous')
    // What is usual for Q2 takes it below the threshold.
    expect((await judge(mention, [candidate('Q2', 2.5, { face: 0.58, text: 0.3 })], kb, false)).status).toBe('nil')
    expect((await judge(mention, [candidate('Q1', 2.5, { face: 0.45, text: 0.9 })], kb, false)).status).toBe('nil')
    expect((await judge(mention, [candidate('Q1', 0.9, { text: 0.9 })], kb, false)).status).toBe('nil')
    expect((await judge(mention, [], kb, true)).status).toBe('nil')
  })
})
