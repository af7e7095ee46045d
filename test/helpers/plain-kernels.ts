// Plain TypeScript implementations of the WebAssembly kernels: the oracles that tests compare them with.
import type { Affine } from '../../src/image/affine.ts'
import { bicubicWeights, endOf, PRECISION, type BicubicWeights } from '../../src/image/bicubic-weights.ts'
import type { ResizeBicubic } from '../../src/image/bicubic.ts'
import type { Pyramid } from '../../src/image/pyramid.ts'
import { toTensor } from '../../src/image/to-tensor.ts'
import type { VectorTable } from '../../src/kb/search/vector-table.ts'
import { dot } from '../../src/math/vector.ts'
import type { ModelInput } from '../../src/packs/manifest.ts'
import type { Tensor } from '../../src/runtime/types.ts'
import type { Box, Raster } from '../../src/types.ts'

/** Cosine of each vector, decoded, to `query`: as `scan`. */
export function plainScan (table: Pick<VectorTable, 'count' | 'dims' | 'read'>, query: Float32Array): Float32Array {
  const decoded = new Float32Array(table.dims)
  return Float32Array.from({ length: table.count }, (_, row) => dot(table.read(row, decoded), query))
}

/** Indices from `from` on of values that are at least `least`, ascending. */
export function plainAbove (values: ArrayLike<number>, least: number, from = 0): Uint32Array {
  const indices: number[] = []
  for (let i = from; i < values.length; i++) if (values[i]! >= least) indices.push(i)
  return Uint32Array.from(indices)
}

interface Size { readonly width: number, readonly height: number }

/** As `WarpToTensor`: samples a raster, then converts it. */
export function plainWarpToTensor (input: ModelInput, fill: number, pyramid: Pyramid, maps: readonly Affine[], size?: Size): Tensor {
  const { width, height } = size ?? input
  return toTensor(maps.map(map => pyramid.warp(map, width, height, fill)), { ...input, width, height })
}

/** One half, so that the shift by PRECISION rounds. */
const HALF = 1 << (PRECISION - 1)

export const plainBicubic: ResizeBicubic = (source, region, width, height, window) => {
  const columns = bicubicWeights(region.x2 - region.x1, width, window.x1, window.x2)
  const rows = bicubicWeights(region.y2 - region.y1, height, window.y1, window.y2)
  const top = rows.first[0]!
  return resizeColumns(resizeRows(source, region, top, endOf(rows), columns), top, rows)
}

/** Rows `top` to `bottom` (exclusive) of the region, resized along x. */
function resizeRows (source: Raster, region: Box, top: number, bottom: number, columns: BicubicWeights): Raster {
  const { first, counts, weights, taps } = columns
  const width = first.length
  const data = new Uint8Array(width * (bottom - top) * 3)
  for (let y = top, o = 0; y < bottom; y++) {
    const row = ((region.y1 + y) * source.width + region.x1) * 3
    for (let x = 0; x < width; x++) {
      for (let channel = 0; channel < 3; channel++, o++) {
        let sum = HALF
        for (let tap = 0; tap < counts[x]!; tap++) {
          sum += Math.imul(source.data[row + 3 * (first[x]! + tap) + channel]!, weights[x * taps + tap]!)
        }
        data[o] = clamp(sum >> PRECISION)
      }
    }
  }
  return { data, width, height: bottom - top }
}

/** `narrow`, whose row 0 is row `top` of the region, resized along y. */
function resizeColumns (narrow: Raster, top: number, { first, counts, weights, taps }: BicubicWeights): Raster {
  const stride = narrow.width * 3
  const height = first.length
  const data = new Uint8Array(stride * height)
  for (let y = 0, o = 0; y < height; y++) {
    for (let x = 0; x < stride; x++, o++) {
      let sum = HALF
      for (let tap = 0; tap < counts[y]!; tap++) {
        sum += Math.imul(narrow.data[(first[y]! - top + tap) * stride + x]!, weights[y * taps + tap]!)
      }
      data[o] = clamp(sum >> PRECISION)
    }
  }
  return { data, width: narrow.width, height }
}

const clamp = (v: number): number => v < 0 ? 0 : v > 255 ? 255 : v
