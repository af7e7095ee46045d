// Resizing by the antialiased bicubic filter that CLIP was trained with: Pillow's, to the bit.
import type { Box, Raster } from '../types.ts'

/** Half-width of the filter at its own scale, source px. */
const SUPPORT = 2
/** Fraction bits of the integer weights. @see Pillow `Resample.c`, PRECISION_BITS (MIT-CMU) */
const PRECISION = 22
/** One half, so that the shift rounds. */
const HALF = 1 << (PRECISION - 1)

/** For each output position: its first source position, and `taps` weights that sum to 2 ** PRECISION. */
interface Weights { readonly first: Int32Array, readonly weights: Int32Array, readonly taps: number }

/**
 * Resizes `region` to `width` x `height` and returns the part `window` of the result; no other part is computed.
 * Equals Pillow's `image.crop(region).resize((width, height), BICUBIC).crop(window)`.
 *
 * @param region whole px of `source`, inside it, at least 1 x 1.
 * @param window whole px of the `width` x `height` result, inside it.
 */
export function resizeBicubic (source: Raster, region: Box, width: number, height: number, window: Box): Raster {
  const columns = weightsOf(region.x2 - region.x1, width, window.x1, window.x2)
  const rows = weightsOf(region.y2 - region.y1, height, window.y1, window.y2)
  const top = rows.first[0]!
  const bottom = Math.min(region.y2 - region.y1, rows.first.at(-1)! + rows.taps)
  const narrow = resizeRows(source, region, top, bottom, columns)
  return resizeColumns(narrow, top, rows)
}

/** Keys' cubic with a = -0.5. */
function cubic (x: number): number {
  const a = -0.5
  const t = Math.abs(x)
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1
  if (t < 2) return (((t - 5) * t + 8) * t - 4) * a
  return 0
}

/** Weights for outputs `from` to `to` (exclusive) of a resize of `inSize` px to `outSize` px. */
function weightsOf (inSize: number, outSize: number, from: number, to: number): Weights {
  const scale = inSize / outSize
  // Shrinking widens the filter to the output's pixel: that is the antialiasing.
  const stretch = Math.max(1, scale)
  const support = SUPPORT * stretch
  const taps = Math.ceil(support) * 2 + 1
  const first = new Int32Array(to - from)
  const weights = new Int32Array((to - from) * taps)
  for (let i = 0; i < first.length; i++) {
    const centre = (from + i + 0.5) * scale
    const start = Math.max(0, Math.trunc(centre - support + 0.5))
    const end = Math.min(inSize, Math.trunc(centre + support + 0.5))
    const exact = Array.from({ length: end - start }, (_, n) => cubic((start + n - centre + 0.5) / stretch))
    const sum = exact.reduce((a, b) => a + b, 0)
    first[i] = start
    exact.forEach((w, n) => { weights[i * taps + n] = Math.trunc(w / sum * (1 << PRECISION) + (w < 0 ? -0.5 : 0.5)) })
  }
  return { first, weights, taps }
}

/** First pass: rows `top` to `bottom` (exclusive) of the region become as wide as there are `columns`. */
function resizeRows (source: Raster, region: Box, top: number, bottom: number, { first, weights, taps }: Weights): Raster {
  const width = first.length
  const inWidth = region.x2 - region.x1
  const data = new Uint8Array(width * (bottom - top) * 3)
  const from = source.data
  for (let y = top, o = 0; y < bottom; y++) {
    const row = ((region.y1 + y) * source.width + region.x1) * 3
    for (let x = 0; x < width; x++, o += 3) {
      const start = first[x]!
      const end = row + Math.min(start + taps, inWidth) * 3
      let r = HALF
      let g = HALF
      let b = HALF
      for (let i = row + start * 3, t = x * taps; i < end; i += 3, t++) {
        const w = weights[t]!
        r += Math.imul(from[i]!, w)
        g += Math.imul(from[i + 1]!, w)
        b += Math.imul(from[i + 2]!, w)
      }
      data[o] = clip(r >> PRECISION)
      data[o + 1] = clip(g >> PRECISION)
      data[o + 2] = clip(b >> PRECISION)
    }
  }
  return { data, width, height: bottom - top }
}

/** Second pass: as many rows as there are weights; row 0 of `narrow` is row `top` of the region. */
function resizeColumns (narrow: Raster, top: number, { first, weights, taps }: Weights): Raster {
  const stride = narrow.width * 3
  const height = first.length
  const data = new Uint8Array(stride * height)
  const sums = new Int32Array(stride)
  const from = narrow.data
  for (let y = 0, o = 0; y < height; y++, o += stride) {
    sums.fill(HALF)
    const start = first[y]! - top
    const end = Math.min(start + taps, narrow.height)
    for (let row = start, t = y * taps; row < end; row++, t++) {
      const w = weights[t]!
      for (let x = 0, i = row * stride; x < stride; x++, i++) sums[x]! += Math.imul(from[i]!, w)
    }
    for (let x = 0; x < stride; x++) data[o + x] = clip(sums[x]! >> PRECISION)
  }
  return { data, width: narrow.width, height }
}

const clip = (v: number): number => v < 0 ? 0 : v > 255 ? 255 : v
