// Features to the calibrated probability that the first candidate is right, adjusted for the growth of the index.
import type { Calibration, Features } from '../kb/calibration.ts'

/** Largest growth factor for which RESULTS.md measures the adjustment; a larger one is warned of. */
export const MEASURED_GROWTH = 3

/**
 * The probability that the first candidate is right, 0..1, in an index of `entities`:
 *
 *     p = logistic(logOdds - max(0, ln(entities / calibration.entities)))
 *
 * A larger gallery holds more look-alikes of a stranger: FPIR = 1 - (1 - FMR)^N, about N * FMR. The odds are therefore
 * divided by the growth factor since the calibration. They are not raised for an index that shrank.
 *
 * @see Grother, Ngan & Hanaoka, NIST IR 8271, section 3.
 */
export function probability (features: Features, calibration: Calibration, entities: number): number {
  return logistic(logOdds(features, calibration) - Math.max(0, Math.log(entities / calibration.entities)))
}

/** Log odds at the size of the index at calibration: intercept + sum of weight * (clamp(value) - mean) / scale. */
export function logOdds (features: Features, { intercept, terms }: Pick<Calibration, 'intercept' | 'terms'>): number {
  return terms.reduce((sum, { feature, weight, mean, scale, min, max }) => {
    const value = features[feature]
    return value === null ? sum : sum + weight * (Math.min(max, Math.max(min, value)) - mean) / scale
  }, intercept)
}

export function logistic (x: number): number {
  return 1 / (1 + Math.exp(-x))
}

/** A warning to the operator of an index that outgrew its calibration; null if it did not. */
export function growthWarning (calibration: Calibration, entities: number): string | null {
  if (entities <= MEASURED_GROWTH * calibration.entities) return null
  return `The index has ${entities} entities and was calibrated with ${calibration.entities}: probabilities are lowered for that, ` +
    `which was measured for up to ${MEASURED_GROWTH} times as many; run \`vel calibrate\` again`
}
