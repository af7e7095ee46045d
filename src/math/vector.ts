// Vectors of numbers.

export function dot (a: ArrayLike<number>, b: ArrayLike<number>): number {
  let s = 0
  for (let i = 0; i < a.length; i++) s += a[i]! * b[i]!
  return s
}

/** Scales `v` in place to length 1. @returns `v`; a zero vector stays zero. */
export function normalize (v: Float32Array): Float32Array {
  const length = Math.sqrt(dot(v, v))
  if (length > 0) for (let i = 0; i < v.length; i++) v[i]! /= length
  return v
}
