// Resizing with the antialiased bicubic filter that CLIP was trained with: Pillow's, bit for bit, in WebAssembly SIMD.
import type { Box, Raster } from '../types.ts'
import { BICUBIC_MODULE } from './bicubic-module.ts'
import { bicubicWeights, endOf } from './bicubic-weights.ts'

interface Exports {
  readonly row: (first: number, counts: number, weights: number, taps: number, n: number, input: number, out: number) => void
  readonly column: (weights: number, count: number, stride: number, n: number, input: number, out: number) => void
}

/**
 * Resizes `region` to `width` x `height` and returns the part `window` of the result; no other part is computed.
 * Equals Pillow's `image.crop(region).resize((width, height), BICUBIC).crop(window)`.
 *
 * @param region whole px of `source`, inside it, at least 1 x 1.
 * @param window whole px of the `width` x `height` result, inside it.
 */
export type ResizeBicubic = (source: Raster, region: Box, width: number, height: number, window: Box) => Raster

const PAGE_BYTES = 65536

/** Creates a resizer with scratch memory. It is synchronous, so callers can share one. */
export function createBicubic (): ResizeBicubic {
  const memory = new WebAssembly.Memory({ initial: 1 })
  const module = new WebAssembly.Module(new Uint8Array(Buffer.from(BICUBIC_MODULE, 'base64')))
  const { row, column } = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Exports
  return (source, region, width, height, window) => {
    const columns = bicubicWeights(region.x2 - region.x1, width, window.x1, window.x2)
    const rows = bicubicWeights(region.y2 - region.y1, height, window.y1, window.y2)
    const [outWidth, left, right] = [columns.first.length, columns.first[0]!, endOf(columns)]
    const [outHeight, top, bottom] = [rows.first.length, rows.first[0]!, endOf(rows)]
    // Offsets in the memory, bytes. The kernel writes 1 byte behind a row and up to 7 behind a column pass.
    const stride = align(3 * outWidth + 1)
    const countsAt = align(4 * outWidth)
    const weightsAt = countsAt + align(4 * outWidth)
    const rowWeightsAt = weightsAt + align(columns.weights.byteLength)
    const lineAt = rowWeightsAt + align(rows.weights.byteLength)
    const narrowAt = lineAt + align(3 * (right - left) + 1)
    const outAt = narrowAt + (bottom - top) * stride
    const bytes = outAt + align(3 * outWidth * outHeight + 8)
    if (memory.buffer.byteLength < bytes) memory.grow(Math.ceil((bytes - memory.buffer.byteLength) / PAGE_BYTES))
    const { buffer } = memory
    const firstTaps = new Int32Array(buffer, 0, outWidth)
    for (let x = 0; x < outWidth; x++) firstTaps[x] = 3 * (columns.first[x]! - left)
    new Int32Array(buffer, countsAt, outWidth).set(columns.counts)
    new Int32Array(buffer, weightsAt, columns.weights.length).set(columns.weights)
    new Int32Array(buffer, rowWeightsAt, rows.weights.length).set(rows.weights)
    const line = new Uint8Array(buffer, lineAt, 3 * (right - left))
    // First pass, along x: each source row that is needed.
    for (let y = top; y < bottom; y++) {
      const start = 3 * ((region.y1 + y) * source.width + region.x1 + left)
      line.set(source.data.subarray(start, start + line.length))
      row(0, countsAt, weightsAt, columns.taps, outWidth, lineAt, narrowAt + (y - top) * stride)
    }
    // Second pass, along y.
    for (let y = 0; y < outHeight; y++) {
      const firstRowAt = narrowAt + (rows.first[y]! - top) * stride
      column(rowWeightsAt + 4 * y * rows.taps, rows.counts[y]!, stride, 3 * outWidth, firstRowAt, outAt + 3 * outWidth * y)
    }
    return { data: new Uint8Array(buffer, outAt, 3 * outWidth * outHeight).slice(), width: outWidth, height: outHeight }
  }
}

const align = (bytes: number): number => (bytes + 15) & ~15
