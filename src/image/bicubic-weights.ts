// Integer weights of Pillow's antialiased bicubic filter.

/** Half-width of the filter at its own scale, source px. */
const SUPPORT = 2
/** Fraction bits of the weights. @see Pillow `Resample.c`, PRECISION_BITS (MIT-CMU) */
export const PRECISION = 22

/** For each output position: the first source position, the number of taps, and that many weights, which sum to 2 ** PRECISION. */
export interface BicubicWeights {
  readonly first: Int32Array
  readonly counts: Int32Array
  /** `[outputs, taps]`. */
  readonly weights: Int32Array
  /** Largest number of taps. */
  readonly taps: number
}

/** Weights for outputs `from` to `to` (exclusive) of a resize of `inSize` px to `outSize` px. */
export function bicubicWeights (inSize: number, outSize: number, from: number, to: number): BicubicWeights {
  const scale = inSize / outSize
  // Antialiasing: when shrinking, the filter is as wide as an output pixel.
  const stretch = Math.max(1, scale)
  const support = SUPPORT * stretch
  const taps = Math.ceil(support) * 2 + 1
  const first = new Int32Array(to - from)
  const counts = new Int32Array(to - from)
  const weights = new Int32Array((to - from) * taps)
  for (let i = 0; i < first.length; i++) {
    const centre = (from + i + 0.5) * scale
    const start = Math.max(0, Math.trunc(centre - support + 0.5))
    const end = Math.min(inSize, Math.trunc(centre + support + 0.5))
    const exact = Array.from({ length: end - start }, (_, n) => cubic((start + n - centre + 0.5) / stretch))
    const sum = exact.reduce((a, b) => a + b, 0)
    first[i] = start
    counts[i] = end - start
    exact.forEach((w, n) => { weights[i * taps + n] = Math.trunc(w / sum * (1 << PRECISION) + (w < 0 ? -0.5 : 0.5)) })
  }
  return { first, counts, weights, taps }
}

/** First source position behind all taps. */
export const endOf = ({ first, counts }: BicubicWeights): number => first.at(-1)! + counts.at(-1)!

/** Keys' cubic with a = -0.5. */
function cubic (x: number): number {
  const a = -0.5
  const t = Math.abs(x)
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1
  if (t < 2) return (((t - 5) * t + 8) * t - 4) * a
  return 0
}
