// Features to the calibrated probability that the first candidate is right.
import type { Calibration, Features } from '../kb/calibration.ts'

/** Growth of an index since its calibration up to which `RESULTS.md` shows the adjustment to hold; beyond, a warning. */
export const MEASURED_GROWTH = 3

/**
 * The probability, 0..1, in an index that now has `entities`.
 *
 * A larger gallery has more look-alikes of a stranger: FPIR = 1 - (1 - FMR)^N, about linear in N. The odds are therefore
 * divided by the growth since the calibration, as if each further entity were a further chance to be wrong; an index
 * that shrank stays on the safe side.
 *
 * @see Grother, Ngan & Hanaoka, NIST IR 8271, section 3.
 */
export function probability (features: Features, calibration: Calibration, entities: number): number {
  return logistic(logOdds(features, calibration) - Math.max(0, Math.log(entities / calibration.entities)))
}

/** Before any growth of the index. */
export function logOdds (features: Features, { intercept, terms }: Pick<Calibration, 'intercept' | 'terms'>): number {
  return terms.reduce((sum, { feature, weight, mean, scale, min, max }) => {
    const value = features[feature]
    return value === null ? sum : sum + weight * (Math.min(max, Math.max(min, value)) - mean) / scale
  }, intercept)
}

export function logistic (x: number): number {
  return 1 / (1 + Math.exp(-x))
}

/** A sentence for the one who runs an index that outgrew its calibration; null where it did not. */
export function growthWarning (calibration: Calibration, entities: number): string | null {
  if (entities <= MEASURED_GROWTH * calibration.entities) return null
  return `The index has ${entities} entities and was calibrated with ${calibration.entities}: probabilities are lowered for that, which was measured for up to ${MEASURED_GROWTH} times as many; run \`vel calibrate\` again`
}
