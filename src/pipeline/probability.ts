// Features to the calibrated probability that the first candidate is right.
import type { Calibration, Features } from '../calibration.ts'

/** An index may grow to this multiple of its size at calibration before the figures measured then are in doubt. */
export const TRUSTED_GROWTH = 5

/**
 * The probability, 0..1, in an index that now has `entities`.
 *
 * A larger gallery has more look-alikes of a stranger: FPIR = 1 - (1 - FMR)^N, about linear in N. Up to five times
 * the size at calibration the margin to the second entity tells the model so by itself (`RESULTS.md` has the figures);
 * beyond, the odds are divided by the growth past that, as if each further entity were a further chance to be wrong.
 *
 * @see Grother, Ngan & Hanaoka, NIST IR 8271, section 3.
 */
export function probability (features: Features, calibration: Calibration, entities: number): number {
  const growth = entities / (TRUSTED_GROWTH * calibration.entities)
  return logistic(logOdds(features, calibration) - Math.max(0, Math.log(growth)))
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
  if (entities <= TRUSTED_GROWTH * calibration.entities) return null
  return `The index has ${entities} entities and was calibrated with ${calibration.entities}: probabilities are lowered for the growth past ${TRUSTED_GROWTH} times; run \`vel calibrate\` again`
}
