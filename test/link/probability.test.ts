import { describe, expect, it } from 'vitest'
import type { Calibration, Features } from '../../src/kb/calibration.ts'
import { criteriaFor, decide, judge, type Judged } from '../../src/link/decide.ts'
import { featuresOf } from '../../src/link/features.ts'
import { growthWarning, logOdds, probability } from '../../src/link/probability.ts'
import type { ScoredCandidate } from '../../src/link/retrieve.ts'
import { kbOfVectors, mentionOf } from '../helpers/memory-kb.ts'

const term = { weight: 2, mean: 0.4, scale: 0.1, min: 0, max: 1 }
const calibration: Calibration = {
  intercept: -1,
  terms: [{ ...term, feature: 'similarity' }, { ...term, feature: 'faceSize', weight: 1, mean: 4, min: 3, max: 5 }],
  linkFrom: 0.8,
  ambiguousFrom: 0.5,
  targetFpir: 0.01,
  entities: 100,
  measured: { queries: 1, persons: 1, strangers: 1, folds: 2, ece: 0, fpir: 0, tpir: 0, created: '2026-01-01T00:00:00.000Z' }
}
const features: Features = {
  similarity: 0.5,
  margin: 0.1,
  crowd: 0.2,
  usual: 0.3,
  faceSize: 4,
  sharpness: 1,
  detectionScore: null,
  featureNorm: null,
  viewAgreement: null,
  landmarkSpread: null
}

describe('probability', () => {
  it('is the logistic of intercept and standardised features', () => {
    expect(logOdds(features, calibration)).toBeCloseTo(-1 + 2 * (0.5 - 0.4) / 0.1, 12)
    expect(probability(features, calibration, 100)).toBeCloseTo(1 / (1 + Math.exp(-1)), 12)
  })

  it('takes an unknown feature as average, and one beyond what was seen as the end of that', () => {
    expect(logOdds({ ...features, faceSize: null }, calibration)).toBe(logOdds(features, calibration))
    expect(logOdds({ ...features, faceSize: 40 }, calibration)).toBe(logOdds({ ...features, faceSize: 5 }, calibration))
    expect(logOdds({ ...features, faceSize: -Infinity }, calibration)).toBe(logOdds({ ...features, faceSize: 3 }, calibration))
  })

  it('divides the odds by the growth of the index since its calibration, with a warning from some growth on', () => {
    const odds = (n: number): number => { const p = probability(features, calibration, n); return p / (1 - p) }
    expect(odds(10)).toBe(odds(100))
    expect(odds(150)).toBeCloseTo(odds(100) / 1.5, 10)
    expect(odds(5000)).toBeCloseTo(odds(100) / 50, 10)
    expect(growthWarning(calibration, 300)).toBeNull()
    expect(growthWarning(calibration, 301)).toContain('vel calibrate')
  })
})

const candidates = (...similarities: number[]): ScoredCandidate[] => similarities.map((face, i) => ({
  rank: i + 1, score: face, similarity: { face }, entity: { id: `Q${i + 1}`, name: '', description: '', aliases: [] }, faceScore: face
}))

describe('deciding by probability', () => {
  const decision = { threshold: 0.5, ambiguousMargin: 0.05, measuredOn: 'nothing' }
  const judged = (probability: number): Judged => ({ probability, linkFrom: 0.8, ambiguousFrom: 0.5 })

  it.each([
    ['sure', [0.4, 0.1], 0.8, 'linked'],
    ['sure, nobody else', [0.4], 0.9, 'linked'],
    ['likely', [0.4, 0.1], 0.79, 'ambiguous'],
    ['unlikely, however similar', [0.9, 0.1], 0.49, 'nil'],
    ['sure, but a second is as near', [0.4, 0.38], 0.9, 'ambiguous'],
    ['shared between two who both reach the threshold', [0.7, 0.69], 0.3, 'ambiguous'],
    ['shared between two strangers', [0.3, 0.29], 0.3, 'nil'],
    ['nobody', [], 0, 'nil']
  ] as const)('%s', (_, similarities, p, status) => {
    const [first, second] = candidates(...similarities)
    const decided = decide(first, second?.score, decision, judged(p))
    expect(decided.status).toBe(status)
    expect(decided.entity === null).toBe(status !== 'linked')
  })

  it('states a probability where the index has a calibration, and where faces alone chose the candidates', async () => {
    const mention = mentionOf([1, 0])
    const kb = kbOfVectors({ Q1: { face: [[1, 0]] }, Q2: { face: [[0, 1]] } })
    const found = (await kb.search('face', mention.face, 2)).map(({ entity, similarity }, i) =>
      ({ rank: i + 1, entity, score: similarity, similarity: { face: similarity }, faceScore: similarity }))
    expect(judge(mention, found, criteriaFor('v2v', kb))).toEqual({ status: 'linked', entity: kb.entity('Q1') })
    const calibrated = { ...kb, calibration }
    // The similarity of 1 is worth 12, the face of 10 px counts as the smallest seen and takes 10.
    expect(judge(mention, found, criteriaFor('v2v', calibrated)).probability).toBeCloseTo(1 / (1 + Math.exp(-(-1 + 12 - 10))), 6)
    const byText = found.map(c => ({ ...c, similarity: { ...c.similarity, text: 0.3 } }))
    expect(judge(mention, byText, criteriaFor('v2vt', calibrated))).not.toHaveProperty('probability')
    expect(judge(mention, [], criteriaFor('v2v', calibrated)).status).toBe('nil')
  })
})

describe('features', () => {
  it('are of the first candidate and the face', () => {
    const f = featuresOf(mentionOf([1, 0]), candidates(0.7, 0.4).map(c => ({ ...c, cohortMean: 0.25 })))!
    expect(f).toMatchObject({ similarity: 0.7, usual: 0.25, faceSize: Math.log(10), sharpness: Math.log(101), detectionScore: 0.9 })
    expect(f.margin).toBeCloseTo(0.3, 12)
    expect(featuresOf(mentionOf([1, 0]), candidates(0.7))).toMatchObject({ margin: null, usual: null })
    expect(featuresOf(mentionOf([1, 0]), [])).toBeNull()
  })
})
