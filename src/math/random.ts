// Seeded random numbers, for reproducible measurements and synthetic data.

/** Uniform in [0, 1). @param seed 32-bit integer. @see Mulberry32, T. Ettinger (public domain) */
export function createRandom (seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** Normal distribution, mean 0, variance 1 (Box-Muller). @param random uniform in [0, 1). */
export function gaussian (random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

/** A random unit vector with a cosine of about `similarity` to the unit vector `v`: the noise is not orthogonal to `v`. */
export function perturb (v: Float32Array, similarity: number, random: () => number): Float32Array {
  const noise = Float32Array.from(v, () => gaussian(random))
  const noiseScale = Math.sqrt(1 - similarity ** 2) / Math.hypot(...noise)
  const mixed = Float32Array.from(v, (x, d) => similarity * x + noiseScale * noise[d]!)
  const length = Math.hypot(...mixed)
  return mixed.map(x => x / length)
}
