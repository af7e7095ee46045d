// 2-D affine maps and the least-squares similarity between two point sets.
import type { Box, Point } from '../types.ts'

/** x' = a x + b y + c, y' = d x + e y + f. */
export interface Affine {
  readonly a: number
  readonly b: number
  readonly c: number
  readonly d: number
  readonly e: number
  readonly f: number
}

export function apply (m: Affine, p: Point): Point {
  return { x: m.a * p.x + m.b * p.y + m.c, y: m.d * p.x + m.e * p.y + m.f }
}

/** The inverse map; null for a singular one. */
export function invert (m: Affine): Affine | null {
  const det = m.a * m.e - m.b * m.d
  if (!Number.isFinite(det) || Math.abs(det) < 1e-12) return null
  const a = m.e / det
  const b = -m.b / det
  const d = -m.d / det
  const e = m.a / det
  return { a, b, c: -(a * m.c + b * m.f), d, e, f: -(d * m.c + e * m.f) }
}

/** Length of the image of the unit vector along x: output units per input unit. */
export const scaleOf = (m: Affine): number => Math.hypot(m.a, m.d)

/** Maps a `width` x `height` frame onto `box`; x and y are scaled independently. */
export function frameToBox (box: Box, width: number, height: number): Affine {
  return { a: (box.x2 - box.x1) / width, b: 0, c: box.x1, d: 0, e: (box.y2 - box.y1) / height, f: box.y1 }
}

/**
 * The similarity transform (rotation, uniform scale, translation; no reflection) of `from` to `to` with the least squared
 * error.
 *
 * @returns null if all points of `from` coincide.
 * @see Umeyama 1991, "Least-squares estimation of transformation parameters between two point patterns", eq. 40-42;
 *   in the plane the rotation has the closed form used here.
 */
export function similarity (from: readonly Point[], to: readonly Point[]): Affine | null {
  const n = Math.min(from.length, to.length)
  let fx = 0; let fy = 0; let tx = 0; let ty = 0
  for (let i = 0; i < n; i++) {
    fx += from[i]!.x; fy += from[i]!.y
    tx += to[i]!.x; ty += to[i]!.y
  }
  fx /= n; fy /= n; tx /= n; ty /= n
  let dot = 0; let cross = 0; let norm = 0
  for (let i = 0; i < n; i++) {
    const ax = from[i]!.x - fx; const ay = from[i]!.y - fy
    const bx = to[i]!.x - tx; const by = to[i]!.y - ty
    dot += ax * bx + ay * by
    cross += ax * by - ay * bx
    norm += ax * ax + ay * ay
  }
  if (!(norm > 1e-9)) return null
  const a = dot / norm
  const d = cross / norm
  return { a, b: -d, c: tx - a * fx + d * fy, d, e: a, f: ty - d * fx - a * fy }
}
