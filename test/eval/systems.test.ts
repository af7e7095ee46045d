import { describe, expect, it } from 'vitest'
import { rankOf } from '../../src/eval/metrics/recall.ts'
import { rerankSystemsOf, systemsOf } from '../../src/eval/systems.ts'
import { rankCandidates } from '../../src/link/rank.ts'
import { rerankSweep, topKOverlap } from '../../src/eval/sweeps.ts'
import { kbOfVectors, mentionOf, type Vectors } from '../helpers/memory-kb.ts'

const turn = (degrees: number): number[] => [Math.cos(degrees * Math.PI / 180), Math.sin(degrees * Math.PI / 180)]

// Seen from 0 degrees. By face: Q1, Q2, Q3, Q4; by name: Q4, Q3, Q2, Q5, Q1. Q5 has no face.
const vectors: Vectors = {
  Q1: { face: [turn(10), turn(170)], name: [turn(50)] },
  Q2: { face: [turn(20)], name: [turn(30)] },
  Q3: { face: [turn(30)], name: [turn(20)] },
  Q4: { face: [turn(40)], name: [turn(10)] },
  Q5: { name: [turn(40)] }
}
const kb = kbOfVectors(vectors)
const mention = mentionOf(turn(0), turn(0))
const names = async (row: string): Promise<string[]> =>
  (
    await systemsOf(kb, true)
      .find(r => r.name === row)!
      .rank(mention)
  ).map(c => c.entity.id)

describe('rows', () => {
  it('are those that index and pack can serve', () => {
    expect(systemsOf(kb, true).map(r => r.name)).toEqual([
      'V2V',
      'V2T name',
      'V2VT face→text (name)',
      'V2VT text→face (name)',
      'V2VT fusion (name)'
    ])
    expect(systemsOf(kb, false).map(r => r.name)).toEqual(['V2V'])
    expect(systemsOf(kbOfVectors({ Q1: { name_description: [[1, 0]] } }), true).map(r => r.name)).toEqual(['V2T name+description'])
    expect(systemsOf(kbOfVectors({}), true)).toEqual([])
  })

  it('rank by one space', async () => {
    expect(await names('V2V')).toEqual(['Q1', 'Q2', 'Q3', 'Q4'])
    expect(await names('V2T name')).toEqual(['Q4', 'Q3', 'Q2', 'Q5', 'Q1'])
  })

  it('rerank what one space found by the other; entities without a vector there come last', async () => {
    expect(await names('V2VT face→text (name)')).toEqual(['Q4', 'Q3', 'Q2', 'Q1'])
    expect(await names('V2VT text→face (name)')).toEqual(['Q1', 'Q2', 'Q3', 'Q4', 'Q5'])
  })

  it('fuse both: the one who is good in both comes before those who are best in one', async () => {
    const both = kbOfVectors({
      Q1: { face: [turn(0)], name: [turn(80)] },
      Q2: { face: [turn(20)], name: [turn(20)] },
      Q3: { face: [turn(80)], name: [turn(0)] }
    })
    expect((await systemsOf(both, true).at(-1)!.rank(mention))[0]!.entity.id).toBe('Q2')
  })

  it('refuse a mention that was encoded without its context', async () => {
    await expect(systemsOf(kb, true)[1]!.rank(mentionOf(turn(0)))).rejects.toThrow('context')
  })
})

describe('sweeps', () => {
  const known = [{ mention, entityId: 'Q1' }, { mention, entityId: 'Q4' }]

  it('give over K what reranking that many candidates gives', async () => {
    const points = await rerankSweep(kb, known, rerankSystemsOf(kb, true))
    const plan = { mode: 'v2vt', textSpace: 'name', topK: 11 } as const
    for (const { row, k, recall1 } of points) {
      const order = row.includes('face→text') ? 'face-text' : 'text-face'
      const ranking = (await rankCandidates(kb, mention, { ...plan, order, rerankK: k })).map(c => ({ id: c.entity.id, score: c.score }))
      expect(recall1).toBe(known.filter(q => rankOf(ranking, q.entityId) === 1).length / known.length)
    }
    expect(points.filter(p => p.row === 'V2VT face→text (name)').map(p => [p.k, p.recall1])).toEqual([[1, 0.5], [2, 0], [5, 0.5]])
  })

  it('tell what two models have in common: nothing at 1, all at the end', async () => {
    const whole = kbOfVectors({ Q1: { face: [turn(0)], name: [turn(9)] }, Q2: { face: [turn(5)], name: [turn(2)] } })
    expect(await topKOverlap(whole, [mention], [['face', 'name']])).toEqual([
      { spaces: ['face', 'name'], k: 1, share: 0 },
      { spaces: ['face', 'name'], k: 2, share: 1 }
    ])
  })
})
