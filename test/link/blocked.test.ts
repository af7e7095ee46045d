import { expect, test } from 'vitest'
import { judgeUnblocked } from '../../src/link/blocked.ts'
import type { Criteria } from '../../src/link/decide.ts'
import type { ScoredCandidate } from '../../src/link/retrieve.ts'
import { mentionOf } from '../helpers/memory-kb.ts'

const mention = mentionOf([1, 0])
const decision = { threshold: 0.5, ambiguousMargin: 0.05, measuredOn: 'nothing' }
const uncalibrated: Criteria = { decision, entities: 10 }
const term = { feature: 'similarity', weight: 10, mean: 0.5, scale: 1, min: -1, max: 1 } as const
const measured = { queries: 1, persons: 1, strangers: 1, folds: 1, fpir: 0, tpir: 1, ece: 0 }
const calibrated: Criteria = {
  ...uncalibrated,
  calibration: {
    source: 'index', intercept: 0, terms: [term], linkFrom: 0.6, ambiguousFrom: 0.55, targetFpir: 0.01, entities: 10, measured
  } as unknown as NonNullable<Criteria['calibration']>
}

const candidates = (...scores: number[]): ScoredCandidate[] => scores.map((score, i) => ({
  rank: i + 1,
  entity: { id: `Q${i + 1}`, name: '', description: '', aliases: [] },
  score,
  similarity: { face: score },
  faceScore: score
}))

const told = (scores: number[], blocked: string[], criteria = uncalibrated): object => {
  const { candidates: left, ...rest } = judgeUnblocked(mention, candidates(...scores), criteria, new Set(blocked))
  return { ...rest, ids: left.map(({ rank, entity }) => `${rank} ${entity.id}`) }
}

test('without blocked candidates nothing changes', () => {
  expect(told([0.9, 0.3], [])).toMatchObject({ status: 'linked', entity: { id: 'Q1' }, ids: ['1 Q1', '2 Q2'] })
  expect(told([0.9, 0.3], ['Q9'])).toEqual(told([0.9, 0.3], []))
})

test('a blocked first candidate makes the mention nil, and the lookalike is not linked in his place', () => {
  expect(told([0.9, 0.8, 0.1], ['Q1'])).toEqual({ status: 'nil', entity: null, nilReason: 'threshold', ids: ['1 Q2', '2 Q3'] })
  expect(told([0.9, 0.89, 0.88], ['Q1'])).toMatchObject({ status: 'nil', nilReason: 'threshold' })
  expect(told([0.9, 0.89, 0.1], ['Q1', 'Q2'])).toMatchObject({ status: 'nil', nilReason: 'threshold', ids: ['1 Q3'] })
})

test('where no lookalike is near, the answer is that of an index without the blocked person', () => {
  const { candidates: left, ...without } = judgeUnblocked(mention, candidates(0.9, 0.2, 0.1).slice(1), calibrated)
  expect(left).toHaveLength(2)
  expect(told([0.9, 0.2, 0.1], ['Q1'], calibrated)).toEqual({ ...without, ids: ['1 Q2', '2 Q3'] })
  expect(told([0.9], ['Q1'])).toEqual({ status: 'nil', entity: null, nilReason: 'noCandidate', ids: [] })
})

test('the probability of the lookalike is not raised: it is at most what the blocked person leaves of 1', () => {
  const [alone, after] = [judgeUnblocked(mention, candidates(0.8), calibrated), told([0.9, 0.8], ['Q1'], calibrated)]
  expect(alone).toMatchObject({ status: 'linked', probability: expect.closeTo(0.953, 2) as number })
  expect(after).toMatchObject({ status: 'nil', nilReason: 'threshold', probability: expect.closeTo(0.018, 2) as number })
})

test('a blocked second candidate still makes a close decision ambiguous, and is not told', () => {
  expect(told([0.9, 0.88, 0.1], ['Q2'])).toEqual({ status: 'ambiguous', entity: null, ids: ['1 Q1', '2 Q3'] })
  expect(told([0.9, 0.5, 0.1], ['Q2'])).toMatchObject({ status: 'linked', entity: { id: 'Q1' }, ids: ['1 Q1', '2 Q3'] })
})

test('a face that says too little, and a mode without faces, keep their reason', () => {
  const poor = judgeUnblocked({ ...mention, lacks: 'a blurred face' }, candidates(0.9, 0.8), uncalibrated, new Set(['Q1']))
  expect(poor).toMatchObject({ status: 'nil', nilReason: 'quality' })
  const texts = candidates(0.9, 0.8).map(({ rank, entity, score }) => ({ rank, entity, score, similarity: { text: score } }))
  expect(judgeUnblocked(mention, texts, uncalibrated, new Set(['Q1']))).toMatchObject({ status: 'nil', nilReason: 'noFaceCompared' })
  const mixed = [candidates(0.9)[0]!, texts[1]!]
  expect(judgeUnblocked(mention, mixed, uncalibrated, new Set(['Q1']))).toMatchObject({ status: 'nil', nilReason: 'threshold' })
})
