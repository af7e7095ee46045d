// Open-set identification as NIST measures it: FPIR and TPIR over the threshold.

/** A search for a member of the index: the first candidate's score, and whether it is right. */
export interface MatedSearch { readonly score: number, readonly right: boolean }

export interface OpenSetPoint {
  /** False positive identification rate: share of strangers whose first answer scores at least `threshold`. */
  readonly fpir: number
  /** True positive identification rate: share of members whose first answer is right and scores at least `threshold`. */
  readonly tpir: number
  /** An observed score; Infinity where every observed one admits strangers. */
  readonly threshold: number
}

/** False positive identification rates in reports. */
export const FPIR_TARGETS = [0.003, 0.01, 0.05] as const

/**
 * Both rates at every score that changes one of them, highest threshold first.
 *
 * @param mated, strangers searches without an answer (no face was found) carry the score -Infinity: they miss, and they
 *   are never false positives.
 * @see NIST IR 8271, section 3: open-set identification, rank 1.
 */
export function openSetCurve (mated: readonly MatedSearch[], strangers: readonly number[]): OpenSetPoint[] {
  const events = [
    ...strangers.map(score => ({ score, stranger: 1, found: 0 })),
    ...mated.map(({ score, right }) => ({ score, stranger: 0, found: right ? 1 : 0 }))
  ].filter(e => e.score > -Infinity).sort((a, b) => b.score - a.score)
  const points: OpenSetPoint[] = [{ fpir: 0, tpir: 0, threshold: Infinity }]
  let named = 0
  let found = 0
  events.forEach((event, i) => {
    named += event.stranger
    found += event.found
    // Equal scores share a threshold.
    if (events[i + 1]?.score === event.score) return
    const last = points.at(-1)!
    const point = { fpir: named / strangers.length, tpir: found / mated.length, threshold: event.score }
    if (point.fpir !== last.fpir || point.tpir !== last.tpir) points.push(point)
  })
  return points
}

/** The point with the highest TPIR whose FPIR is at most `target`; of equals the highest threshold. */
export function pointAtFpir (curve: readonly OpenSetPoint[], target: number): OpenSetPoint {
  // NOTE: both rates rise along the curve, so the last point that is allowed is the best one.
  const allowed = curve.filter(p => p.fpir <= target)
  const best = allowed.at(-1)!
  return allowed.find(p => p.tpir === best.tpir)!
}
