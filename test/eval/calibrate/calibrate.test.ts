import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { describe, expect, it } from 'vitest'
import { calibration } from '../../../src/kb/calibration.ts'
import { calibrate, type Sample } from '../../../src/eval/calibrate/calibrate.ts'
import { expectedCalibrationError } from '../../../src/eval/metrics/calibration-error.ts'
import { fitLogistic } from '../../../src/eval/calibrate/logistic.ts'
import { logistic, probability } from '../../../src/link/probability.ts'

const random = xoroshiro128plus(11)
const uniform = (): number => uniformFloat64(random)
/** Standard normal, by Box and Muller. */
const normal = (): number => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())

describe('logistic regression', () => {
  it('finds the weights that the data were drawn with', () => {
    const rows = Array.from({ length: 20_000 }, () => [normal(), normal()])
    const right = rows.map(([a, b]) => uniform() < logistic(0.5 + 2 * a! - b!))
    const { intercept, weights } = fitLogistic(rows, right)
    for (const [found, drawn] of [[intercept, 0.5], [weights[0]!, 2], [weights[1]!, -1]] as const) expect(found).toBeCloseTo(drawn, 0.9)
  })

  it('is the maximum: at its end the ridge balances the gradient', () => {
    const rows = Array.from({ length: 300 }, () => [normal(), normal()])
    const right = rows.map(([a]) => a! + normal() > 0)
    const { intercept, weights } = fitLogistic(rows, right)
    const residuals = rows.map(([a, b], i) => (right[i]! ? 1 : 0) - logistic(intercept + weights[0]! * a! + weights[1]! * b!))
    expect(residuals.reduce((s, r) => s + r, 0)).toBeCloseTo(0, 6)
    for (const f of [0, 1]) expect(residuals.reduce((s, r, i) => s + r * rows[i]![f]!, 0)).toBeCloseTo(weights[f]!, 6)
  })

  it('stays finite where one feature tells all', () => {
    const { weights } = fitLogistic([[-1], [-0.9], [0.9], [1]], [false, false, true, true])
    expect(weights[0]).toBeGreaterThan(0)
    expect(Number.isFinite(weights[0])).toBe(true)
  })
})

/** Members score higher than strangers; sharpness is noise, and one in ten photos has no face. */
function draw (members: number, strangers: number): Sample[] {
  const sample = (person: string, stranger: boolean): Sample => {
    const similarity = 0.3 + (stranger ? 0 : 0.2) + 0.08 * normal()
    const features = {
      similarity,
      margin: Math.max(0, similarity - 0.3 + 0.02 * normal()),
      crowd: 0.2,
      usual: 0.3 + 0.05 * normal(),
      faceSize: 4,
      sharpness: normal(),
      detectionScore: null,
      featureNorm: null,
      viewAgreement: null,
      landmarkSpread: null
    }
    return {
      person,
      stranger,
      features: uniform() < 0.1 ? null : features,
      right: !stranger && uniform() < logistic(30 * (similarity - 0.38))
    }
  }
  return [
    ...Array.from({ length: members }, (_, i) => sample(`Q${i % 60}`, false)),
    ...Array.from({ length: strangers }, (_, i) => sample(`stranger ${i}`, true))
  ]
}

describe('calibrate', () => {
  const samples = draw(700, 600)
  const { calibration: learnt, tried } = calibrate(samples, { targetFpir: 0.01, entities: 1000 })

  it('gives a calibration that its own schema takes, and the same again', () => {
    expect(calibration.parse(JSON.parse(JSON.stringify(learnt)))).toEqual(learnt)
    const { measured, ...again } = calibrate(samples, { targetFpir: 0.01, entities: 1000 }).calibration
    expect({ ...again, measured: { ...measured, created: learnt.measured.created } }).toEqual(learnt)
  })

  it('tells probabilities that hold on people it has not seen', () => {
    const fresh = draw(3000, 2500).filter(s => s.features !== null)
    const judged = fresh.map(s => ({ probability: probability(s.features!, learnt, 1000), right: s.right }))
    expect(expectedCalibrationError(judged)).toBeLessThan(0.05)
    expect(learnt.measured.ece).toBeLessThan(0.05)
    const linked = fresh.filter(s => s.stranger && probability(s.features!, learnt, 1000) >= learnt.linkFrom)
    expect(linked.length / fresh.filter(s => s.stranger).length).toBeLessThan(0.03)
  })

  it('keeps to the target on the folds, counting photos without a face', () => {
    expect(learnt.measured.fpir).toBeLessThanOrEqual(0.01)
    expect(learnt.measured).toMatchObject({ queries: 700, persons: 60, strangers: 600, folds: 10 })
    expect(learnt.measured.tpir).toBeLessThan(0.95)
  })

  it('leaves out features that tell nothing, never vary, or are never known', () => {
    expect(learnt.terms.map(t => t.feature)).not.toContain('faceSize')
    expect(learnt.terms.map(t => t.feature)).not.toContain('detectionScore')
    expect(tried.length).toBeGreaterThan(3)
  })

  it.each([
    ['no strangers', draw(100, 0), 0.01, 'strangers'],
    ['fewer strangers than the target can tell', draw(700, 90), 0.01, 'at least 100 strangers'],
    ['too few people', draw(9, 600), 0.01, 'at least 10 people'],
    ['a target of 0', draw(100, 600), 0, 'between 0 and 1'],
    ['a target that is not a number', draw(100, 600), NaN, 'between 0 and 1'],
    ['nobody recognised', draw(700, 600).map(s => ({ ...s, right: false })), 0.01, 'none']
  ])('refuses %s', (_, few, targetFpir, reason) => {
    expect(() => calibrate(few, { targetFpir, entities: 10 })).toThrow(reason)
  })
})
