import { describe, expect, it } from 'vitest'
import type { Candidate } from '../../src/types.ts'
import { decide } from '../../src/pipeline/decide.ts'

const decision = { threshold: 0.5, ambiguousMargin: 0.05, measuredOn: 'nothing' }
const candidates = (...similarities: number[]): Candidate[] => similarities.map((face, i) => ({
  rank: i + 1, score: face, similarity: { face }, entity: { id: `Q${i + 1}`, name: '', description: '', aliases: [] }
}))

describe('decide', () => {
  it.each([
    ['nobody in the index', [], 'nil', null],
    ['below the threshold', [0.49, 0.1], 'nil', null],
    ['at the threshold', [0.5, 0.1], 'linked', 'Q1'],
    ['a second entity within the margin', [0.7, 0.66], 'ambiguous', null],
    ['a second entity at the margin', [0.75, 0.7], 'linked', 'Q1'],
    ['the only entity', [0.9], 'linked', 'Q1']
  ] as const)('%s', (_, similarities, status, id) => {
    const decided = decide(candidates(...similarities), decision)
    expect(decided.status).toBe(status)
    expect(decided.entity?.id ?? null).toBe(id)
  })

  it('compares scores where faces alone were compared, and similarities where texts had a say', () => {
    const [first, second] = candidates(0.52, 0.6)
    const scored = [{ ...first!, score: 0.55 }, { ...second!, score: 0.4 }]
    expect(decide(scored, decision).status).toBe('linked')
    expect(decide([{ ...first!, score: 0.45 }], decision).status).toBe('nil')
    const byText = scored.map(c => ({ ...c, similarity: { ...c.similarity, text: 0.3 } }))
    expect(decide(byText, decision).status).toBe('ambiguous')
    // A fused score is no score of faces, also where its candidate has no text.
    const fused = [{ ...first!, score: 2.5, similarity: { face: 0.3 } }, byText[1]!]
    expect(decide(fused, decision).status).toBe('nil')
    expect(decide(fused.slice(0, 1), decision, null, false).status).toBe('nil')
  })
})
