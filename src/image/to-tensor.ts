// Pixels to the input tensor of a graph.
import type { Raster } from '../types.ts'
import type { Tensor } from '../runtime/types.ts'
import type { ModelInput } from '../packs/manifest.ts'

/** Weights of R, G, B in ITU-R BT.601 luma, as in RGB2GRAY of OpenCV. */
export const LUMA = [0.299, 0.587, 0.114] as const

/**
 * Packs rasters of the size of the input into one batch.
 *
 * @returns float32 `[N, C, height, width]` of (v - mean) / std; C = 3 in the channel order of the manifest, or 1 for grey.
 * @throws RangeError for a raster of another size.
 */
export function toTensor (rasters: readonly Raster[], input: ModelInput): Tensor {
  const { width, height } = input
  const plane = width * height
  const channels = input.channels === 'grey' ? 1 : 3
  const data = new Float32Array(rasters.length * channels * plane)
  const tables = normalisation(input)
  rasters.forEach((raster, n) => {
    if (raster.width !== width || raster.height !== height) {
      throw new RangeError(`Expected a raster of ${width}x${height}, received ${raster.width}x${raster.height}`)
    }
    const out = data.subarray(n * channels * plane, (n + 1) * channels * plane)
    if (channels === 1) luma(raster.data, tables, out)
    else planar(raster.data, tables, input.channels === 'bgr', out)
  })
  return { data, dims: [rasters.length, channels, height, width] }
}

/** A table of 256 entries for each of R, G, B: byte -> (byte - mean) / std. */
type Tables = readonly [Float32Array, Float32Array, Float32Array]

function normalisation (input: ModelInput): Tables {
  const at = (v: number | number[], c: number): number => typeof v === 'number' ? v : v[c]!
  const table = (c: number): Float32Array => new Float32Array(256).map((_, v) => (v - at(input.mean, c)) / at(input.std, c))
  return [table(0), table(1), table(2)]
}

function planar (from: Uint8Array, [r, g, b]: Tables, bgr: boolean, out: Float32Array): void {
  const plane = out.length / 3
  const first = bgr ? 2 : 0
  const last = 2 - first
  for (let p = 0, i = 0; p < plane; p++, i += 3) {
    out[first * plane + p] = r[from[i]!]!
    out[plane + p] = g[from[i + 1]!]!
    out[last * plane + p] = b[from[i + 2]!]!
  }
}

function luma (from: Uint8Array, [table]: Tables, out: Float32Array): void {
  for (let p = 0, i = 0; p < out.length; p++, i += 3) {
    out[p] = table[lumaAt(from, i)]!
  }
}

/** The raster with left and right exchanged. */
export function mirror (raster: Raster): Raster {
  const { width, height } = raster
  const data = new Uint8Array(raster.data.length)
  for (let y = 0; y < height; y++) {
    for (let x = 0, i = y * width * 3, o = (y + 1) * width * 3 - 3; x < width; x++, i += 3, o -= 3) {
      data[o] = raster.data[i]!
      data[o + 1] = raster.data[i + 1]!
      data[o + 2] = raster.data[i + 2]!
    }
  }
  return { data, width, height }
}

/** The raster with its three channels equal. */
export function grey (raster: Raster): Raster {
  const data = new Uint8Array(raster.data.length)
  for (let i = 0; i < data.length; i += 3) data[i] = data[i + 1] = data[i + 2] = lumaAt(raster.data, i)
  return { ...raster, data }
}

const lumaAt = (data: Uint8Array, i: number): number =>
  Math.round(LUMA[0] * data[i]! + LUMA[1] * data[i + 1]! + LUMA[2] * data[i + 2]!)
