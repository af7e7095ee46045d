import { describe, expect, it } from 'vitest'
import { expectedCalibrationError, reliabilityBins } from '../../../src/eval/metrics/calibration-error.ts'

const repeat = (count: number, probability: number, right: boolean): Array<{ probability: number, right: boolean }> =>
  Array.from({ length: count }, () => ({ probability, right }))

describe('calibration error', () => {
  it('is zero for a forecaster who is right as often as stated', () => {
    expect(
      expectedCalibrationError([...repeat(7, 0.7, true), ...repeat(3, 0.7, false), ...repeat(4, 1, true), ...repeat(5, 0, false)])
    ).toBeCloseTo(0, 12)
  })

  it('weighs each bin by its count', () => {
    // Ten at 0.95 of which five are right (gap 0.45), thirty at 0.15 of which none is (gap 0.15).
    const judged = [...repeat(5, 0.95, true), ...repeat(5, 0.95, false), ...repeat(30, 0.15, false)]
    expect(expectedCalibrationError(judged)).toBeCloseTo((10 * 0.45 + 30 * 0.15) / 40, 12)
  })

  it('puts the ends of the range into the outer bins and leaves out empty ones', () => {
    const bins = reliabilityBins([...repeat(1, 0, false), ...repeat(2, 0.1, true), ...repeat(3, 1, true)])
    expect(bins.map(b => [b.from, b.count])).toEqual([[0, 3], [0.9, 3]])
  })

  it('knows nothing of nothing', () => {
    expect(expectedCalibrationError([])).toBeNaN()
  })
})
