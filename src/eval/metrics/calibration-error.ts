// Stated probabilities against observed frequencies: reliability bins and the expected calibration error.

/** A stated probability, 0..1, and whether the answer was right. */
export interface Judged { readonly probability: number, readonly right: boolean }

export interface ReliabilityBin {
  readonly from: number
  readonly to: number
  readonly count: number
  /** Mean stated probability of the bin. */
  readonly stated: number
  /** Share that was right. */
  readonly observed: number
}

/** Bins of equal width over 0..1, upper ends inclusive except that 0 belongs to the first; empty bins are left out. */
export function reliabilityBins (judged: readonly Judged[], bins = 10): ReliabilityBin[] {
  const groups = Array.from({ length: bins }, (): Judged[] => [])
  for (const j of judged) groups[Math.min(bins - 1, Math.max(0, Math.ceil(j.probability * bins) - 1))]!.push(j)
  return groups.flatMap((group, i) => group.length === 0
    ? []
    : [{
        from: i / bins,
        to: (i + 1) / bins,
        count: group.length,
        stated: group.reduce((sum, j) => sum + j.probability, 0) / group.length,
        observed: group.filter(j => j.right).length / group.length
      }])
}

/**
 * Mean gap between stated and observed over the bins, weighted by their counts, 0..1; NaN for nothing judged.
 *
 * @see Guo et al. 2017, "On calibration of modern neural networks", eq. 3.
 */
export function expectedCalibrationError (judged: readonly Judged[], bins = 10): number {
  const all = reliabilityBins(judged, bins)
  return all.reduce((sum, b) => sum + b.count * Math.abs(b.stated - b.observed), 0) / judged.length
}
