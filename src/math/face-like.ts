// Vectors as hard to search as real faces: of people who are not stored, and of other photos of those who are.
import { gaussian } from './random.ts'

/** Stored vectors, L2-normalised float32 `[dims]`. */
export interface Stored {
  readonly count: number
  readonly dims: number
  readonly read: (row: number, out: Float32Array) => Float32Array
}

/** Share of the noise in a drawn stranger: distances between strangers then follow those of real faces, extrapolated. */
const SMOOTHING = 0.85
/** Vectors of which one noise is mixed: its covariance is then that of the vectors. */
const MIXED = 48

/**
 * A vector of nobody who is stored, by the smoothed bootstrap: `mu + sqrt(1 - h²) (f - mu) + h n`, normalised, with a random
 * stored vector f, the mean mu, and normal noise n of the vectors' covariance.
 *
 * @param mean of the stored vectors, float32 `[dims]`.
 * @see Silverman 1986, "Density estimation for statistics and data analysis", section 6.4
 */
export function drawStranger ({ count, dims, read }: Stored, mean: Float32Array, random: () => number): Float32Array {
  const vector = read(Math.floor(random() * count), new Float32Array(dims))
  const kept = Math.sqrt(1 - SMOOTHING ** 2)
  for (let d = 0; d < dims; d++) vector[d] = mean[d]! + kept * (vector[d]! - mean[d]!)
  const other = new Float32Array(dims)
  for (let n = 0; n < MIXED; n++) {
    const weight = SMOOTHING * gaussian(random) / Math.sqrt(MIXED)
    read(Math.floor(random() * count), other)
    for (let d = 0; d < dims; d++) vector[d]! += weight * (other[d]! - mean[d]!)
  }
  return normalised(vector)
}

export function meanOf ({ count, dims, read }: Stored, sampled = 4096): Float32Array {
  const sum = new Float64Array(dims)
  const vector = new Float32Array(dims)
  const taken = Math.min(sampled, count)
  for (let n = 0; n < taken; n++) {
    read(Math.floor(n * count / taken), vector)
    for (let d = 0; d < dims; d++) sum[d]! += vector[d]!
  }
  return Float32Array.from(sum, x => x / taken)
}

/**
 * Cosine of two photos of one person: mean and standard deviation over 883 pairs of a news photo and a reference (the dev sets
 * of RESULTS.md, default pack).
 */
const PHOTOS_MEAN = 0.65
const PHOTOS_DEVIATION = 0.125
const [LEAST, MOST] = [0.35, 0.9]
/**
 * The difference of two photos of one person is flatter over the principal components than the faces are: on the same pairs its
 * variance goes with about the square root of the vectors' second moment, and ends where they end.
 */
const NOISE_POWER = 0.25

/**
 * Another photo of the person of `vector`: noise along the principal components, at a cosine as of two photos.
 *
 * @param components float32 `[n, dims]`, orthonormal rows; `moments` of each, `[n]`.
 */
export function drawPhoto (
  vector: Float32Array, components: Float32Array, moments: ArrayLike<number>, random: () => number
): Float32Array {
  const dims = vector.length
  const noise = new Float32Array(dims)
  for (let i = 0; i < moments.length; i++) {
    const weight = gaussian(random) * Math.max(0, moments[i]!) ** NOISE_POWER
    if (weight === 0) continue
    for (let d = 0, at = i * dims; d < dims; d++, at++) noise[d]! += weight * components[at]!
  }
  let along = 0
  for (let d = 0; d < dims; d++) along += noise[d]! * vector[d]!
  for (let d = 0; d < dims; d++) noise[d]! -= along * vector[d]!
  const orthogonal = normalised(noise)
  const cosine = Math.min(MOST, Math.max(LEAST, PHOTOS_MEAN + PHOTOS_DEVIATION * gaussian(random)))
  const rest = Math.sqrt(1 - cosine ** 2)
  return normalised(vector.map((x, d) => cosine * x + rest * orthogonal[d]!))
}

function normalised (vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector)
  return length === 0 ? vector : vector.map(x => x / length)
}
