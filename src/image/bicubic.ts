// Resizing by the antialiased bicubic filter that CLIP was trained with: Pillow's, to the bit.
import type { Box, Raster } from '../types.ts'
import { BICUBIC_MODULE } from './bicubic-module.ts'

/** Half-width of the filter at its own scale, source px. */
const SUPPORT = 2
/** Fraction bits of the integer weights. @see Pillow `Resample.c`, PRECISION_BITS (MIT-CMU) */
const PRECISION = 22
/** One half, so that the shift rounds. */
const HALF = 1 << (PRECISION - 1)

/** For each output position: its first source position, and that many weights, of room for `taps`, that sum to 2 ** PRECISION. */
interface Weights { readonly first: Int32Array, readonly counts: Int32Array, readonly weights: Int32Array, readonly taps: number }

interface Exports {
  readonly row: (first: number, counts: number, weights: number, taps: number, n: number, input: number, out: number) => void
  readonly column: (weights: number, count: number, stride: number, n: number, input: number, out: number) => void
}

/** As `resizeBicubic`. */
export type ResizeBicubic = (source: Raster, region: Box, width: number, height: number, window: Box) => Raster

const PAGE_BYTES = 65536

/** `resizeBicubic` in WebAssembly, several times as fast: it has scratch memory of its own and never waits, so it serves any number of callers. */
export function createBicubic (): ResizeBicubic {
  const wasm = new Uint8Array(Buffer.from(BICUBIC_MODULE, 'base64'))
  if (!WebAssembly.validate(wasm)) return resizeBicubic
  const memory = new WebAssembly.Memory({ initial: 1 })
  const { row, column } = new WebAssembly.Instance(new WebAssembly.Module(wasm), { env: { memory } }).exports as unknown as Exports
  return (source, region, width, height, window) => {
    const columns = weightsOf(region.x2 - region.x1, width, window.x1, window.x2)
    const rows = weightsOf(region.y2 - region.y1, height, window.y1, window.y2)
    const [n, left, right] = [columns.first.length, columns.first[0]!, endOf(columns)]
    const [deep, top, bottom] = [rows.first.length, rows.first[0]!, endOf(rows)]
    const stride = align(3 * n + 1)
    const countsAt = align(4 * n)
    const weightsAt = countsAt + align(4 * n)
    const rowWeightsAt = weightsAt + align(columns.weights.byteLength)
    const inAt = rowWeightsAt + align(rows.weights.byteLength)
    const narrowAt = inAt + align(3 * (right - left) + 1)
    const outAt = narrowAt + (bottom - top) * stride
    const bytes = outAt + align(3 * n * deep + 8)
    if (memory.buffer.byteLength < bytes) memory.grow(Math.ceil((bytes - memory.buffer.byteLength) / PAGE_BYTES))
    const { buffer } = memory
    const offsets = new Int32Array(buffer, 0, n)
    for (let x = 0; x < n; x++) offsets[x] = 3 * (columns.first[x]! - left)
    new Int32Array(buffer, countsAt, n).set(columns.counts)
    new Int32Array(buffer, weightsAt, columns.weights.length).set(columns.weights)
    new Int32Array(buffer, rowWeightsAt, rows.weights.length).set(rows.weights)
    const line = new Uint8Array(buffer, inAt, 3 * (right - left))
    for (let y = top; y < bottom; y++) {
      const start = 3 * ((region.y1 + y) * source.width + region.x1 + left)
      line.set(source.data.subarray(start, start + line.length))
      row(0, countsAt, weightsAt, columns.taps, n, inAt, narrowAt + (y - top) * stride)
    }
    for (let y = 0; y < deep; y++) column(rowWeightsAt + 4 * y * rows.taps, rows.counts[y]!, stride, 3 * n, narrowAt + (rows.first[y]! - top) * stride, outAt + 3 * n * y)
    return { data: new Uint8Array(buffer, outAt, 3 * n * deep).slice(), width: n, height: deep }
  }
}

const align = (bytes: number): number => (bytes + 15) & ~15

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
  const narrow = resizeRows(source, region, top, endOf(rows), columns)
  return resizeColumns(narrow, top, rows)
}

/** Behind the last source position that is used. */
const endOf = ({ first, counts }: Weights): number => first.at(-1)! + counts.at(-1)!

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

/** First pass: rows `top` to `bottom` (exclusive) of the region become as wide as there are `columns`. */
function resizeRows (source: Raster, region: Box, top: number, bottom: number, { first, counts, weights, taps }: Weights): Raster {
  const width = first.length
  const data = new Uint8Array(width * (bottom - top) * 3)
  const from = source.data
  for (let y = top, o = 0; y < bottom; y++) {
    const row = ((region.y1 + y) * source.width + region.x1) * 3
    for (let x = 0; x < width; x++, o += 3) {
      const start = first[x]!
      const end = row + (start + counts[x]!) * 3
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
function resizeColumns (narrow: Raster, top: number, { first, counts, weights, taps }: Weights): Raster {
  const stride = narrow.width * 3
  const height = first.length
  const data = new Uint8Array(stride * height)
  const sums = new Int32Array(stride)
  const from = narrow.data
  for (let y = 0, o = 0; y < height; y++, o += stride) {
    sums.fill(HALF)
    const start = first[y]! - top
    const end = start + counts[y]!
    for (let row = start, t = y * taps; row < end; row++, t++) {
      const w = weights[t]!
      for (let x = 0, i = row * stride; x < stride; x++, i++) sums[x]! += Math.imul(from[i]!, w)
    }
    for (let x = 0; x < stride; x++) data[o + x] = clip(sums[x]! >> PRECISION)
  }
  return { data, width: narrow.width, height }
}

const clip = (v: number): number => v < 0 ? 0 : v > 255 ? 255 : v
