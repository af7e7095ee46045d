// Regions of a picture to a model's input tensor in one pass of WebAssembly SIMD: sampled, rounded to bytes, normalised. Plain
// loops for the same, `Pyramid.warp` and `toTensor`, took as long as the graph of a small detector.
import type { Raster } from '../types.ts'
import type { Tensor } from '../runtime/types.ts'
import type { ModelInput } from '../packs/manifest.ts'
import type { Affine } from './affine.ts'
import type { Pyramid } from './pyramid.ts'
import { WARP_TO_TENSOR_MODULE } from './warp-to-tensor-module.ts'
import { LUMA } from './to-tensor.ts'

type Row = (offsets: number, weights: number, n: number, row: number, scale: number, bias: number, out: number, planeOrLuma: number) => void
interface Exports {
  readonly blend: (upper: number, lower: number, n: number, wy: number, out: number) => void
  readonly colour: Row
  readonly grey: Row
}

/**
 * Samples one region for each map.
 *
 * @param maps each from continuous px of the tensor to continuous px of the original picture, without rotation or shear.
 * @param size of the tensor, px; the model input's by default.
 * @returns float32 `[N, C, height, width]`, (v - mean) / std; v is `fill` outside the picture.
 */
export type WarpToTensor = (pyramid: Pyramid, maps: readonly Affine[], size?: { readonly width: number, readonly height: number }) => Tensor

const PAGE_BYTES = 65536
/** Offsets of scale, bias and luma, float32 `[4]` each, and of the tables behind them, bytes. */
const SCALE_AT = 0
const BIAS_AT = 16
const LUMA_AT = 32
const TABLES_AT = 48
/** Rows are blended eight bytes at a time, and pixels are read with a fourth number. */
const ROW_SLACK = 8

/**
 * Creates a sampler with scratch memory. It is synchronous, so callers can share one.
 *
 * @param fill value outside the picture, 0..255.
 */
export function createWarpToTensor (input: ModelInput, fill = 0): WarpToTensor {
  const memory = new WebAssembly.Memory({ initial: 1 })
  const module = new WebAssembly.Module(new Uint8Array(Buffer.from(WARP_TO_TENSOR_MODULE, 'base64')))
  const { blend, colour, grey } = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Exports
  const isGrey = input.channels === 'grey'
  const channels = isGrey ? 1 : 3
  const { scale, bias } = normalisation(input)

  /** Makes room for `bytes` and writes the constants. */
  function reserve (bytes: number): ArrayBuffer {
    if (memory.buffer.byteLength < bytes) memory.grow(Math.ceil((bytes - memory.buffer.byteLength) / PAGE_BYTES))
    new Float32Array(memory.buffer, SCALE_AT, 12).set([...scale, 0, ...bias, 0, ...LUMA, 0])
    return memory.buffer
  }

  /** Samples one region into `out`, float32 `[C, height, width]`. */
  function read ({ raster, map }: { raster: Raster, map: Affine }, width: number, height: number, out: Float32Array): void {
    const plane = width * height
    const columns = axis(map.a, map.c, width, raster.width)
    const rows = axis(map.e, map.f, height, raster.height)
    const { first: left, count: partWidth } = span(columns, raster.width)
    const { first: top, count: partHeight } = span(rows, raster.height)
    // The pixel behind the last of a row is read too, with a weight of zero.
    const rowBytes = align(3 * partWidth + 3)
    const weightsAt = TABLES_AT + align(4 * width)
    const blendedAt = weightsAt + align(4 * width)
    const partAt = blendedAt + 4 * (rowBytes + ROW_SLACK)
    const outAt = partAt + (partHeight + 1) * rowBytes
    const buffer = reserve(outAt + 4 * channels * plane)
    const pixels = new Float32Array(buffer, outAt, channels * plane)
    if (columns.to - columns.from < width || rows.to - rows.from < height) {
      for (let c = 0; c < channels; c++) pixels.fill(fill * scale[c]! + bias[c]!, plane * planeOf(c), plane * (planeOf(c) + 1))
    }
    if (partWidth > 0 && partHeight > 0) {
      const offsets = new Int32Array(buffer, TABLES_AT, width)
      for (let u = columns.from; u < columns.to; u++) offsets[u] = 12 * (columns.at[u]! - left)
      new Float32Array(buffer, weightsAt, width).set(columns.weight)
      const part = new Uint8Array(buffer, partAt, partHeight * rowBytes)
      for (let y = 0; y < partHeight; y++) {
        const start = 3 * ((top + y) * raster.width + left)
        part.set(raster.data.subarray(start, start + 3 * partWidth), y * rowBytes)
      }
      const row = isGrey ? grey : colour
      const step = isGrey ? LUMA_AT : input.channels === 'bgr' ? -4 * plane : 4 * plane
      for (let v = rows.from; v < rows.to; v++) {
        const upperAt = partAt + (rows.at[v]! - top) * rowBytes
        blend(upperAt, upperAt + rowBytes, 3 * partWidth + 3, rows.weight[v]!, blendedAt)
        const at = outAt + 4 * (v * width + columns.from + (input.channels === 'bgr' ? 2 * plane : 0))
        row(TABLES_AT + 4 * columns.from, weightsAt + 4 * columns.from, columns.to - columns.from, blendedAt, SCALE_AT, BIAS_AT, at, step)
      }
    }
    out.set(pixels)
  }
  const planeOf = (channel: number): number => input.channels === 'bgr' ? 2 - channel : channel

  return (pyramid, maps, { width, height } = input) => {
    const length = channels * width * height
    const data = new Float32Array(maps.length * length)
    maps.forEach((map, n) => { read(pyramid.sourceOf(map), width, height, data.subarray(n * length, (n + 1) * length)) })
    return { data, dims: [maps.length, channels, height, width] }
  }
}

interface Axis {
  /** Samples from `from` to `to` (exclusive) lie in the picture. */
  readonly from: number
  readonly to: number
  /** For each sample, the picture's px left of it (above it), and the weight of the next px. */
  readonly at: Int32Array
  readonly weight: Float32Array
}

/** Positions of the samples `scale * (i + 0.5) + shift` among `length` px, whose centres are at 0.5, 1.5, ... */
function axis (scale: number, shift: number, samples: number, length: number): Axis {
  const at = new Int32Array(samples)
  const weight = new Float32Array(samples)
  let from = samples
  let to = samples
  for (let i = 0; i < samples; i++) {
    const x = scale * (i + 0.5) + shift - 0.5
    if (!(x > -1 && x < length)) continue
    if (from === samples) from = i
    to = i + 1
    const inside = Math.min(Math.max(x, 0), length - 1)
    at[i] = inside
    weight[i] = inside - at[i]!
  }
  return { from, to: from === samples ? samples : to, at, weight }
}

/** The range of `length` px that the samples need. */
function span ({ from, to, at }: Axis, length: number): { first: number, count: number } {
  if (to <= from) return { first: 0, count: 0 }
  const first = at[from]!
  return { first, count: Math.min(at[to - 1]! + 2, length) - first }
}

type Triple = readonly [number, number, number]

/** (v - mean) / std as v * scale + bias, for R, G and B. */
function normalisation ({ mean, std }: ModelInput): { scale: Triple, bias: Triple } {
  const at = (v: number | number[], c: number): number => typeof v === 'number' ? v : v[c]!
  const of = (c: number): { scale: number, bias: number } => ({ scale: 1 / at(std, c), bias: -at(mean, c) / at(std, c) })
  const [r, g, b] = [of(0), of(1), of(2)]
  return { scale: [r.scale, g.scale, b.scale], bias: [r.bias, g.bias, b.bias] }
}

const align = (bytes: number): number => (bytes + 15) & ~15
