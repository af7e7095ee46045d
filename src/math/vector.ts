// Operations on vectors.

/** Dot product of two vectors of equal length. */
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

/** Float32, in the machine's byte order (little endian on all that are supported), as base64. */
export function toBase64 (v: Float32Array): string {
  return Buffer.from(v.buffer, v.byteOffset, v.byteLength).toString('base64')
}

/** Reads what `toBase64` wrote; bytes after the last whole number are dropped. */
export function fromBase64 (text: string): Float32Array {
  const bytes = Uint8Array.from(Buffer.from(text, 'base64'))
  return new Float32Array(bytes.buffer, 0, Math.floor(bytes.length / 4))
}
