// Regions of a picture to the tensor a graph wants, in one pass: sampled, rounded as bytes are, normalised (WebAssembly
// SIMD). Plain loops for the same, `Pyramid.warp` and `toTensor`, took as long as a small detector's graph itself.
import type { Raster, Tensor } from '../types.ts'
import type { ModelInput } from '../packs/manifest.ts'
import type { Affine } from '../math/affine.ts'
import type { Pyramid } from '../math/pyramid.ts'
import { FRAME_MODULE } from './frame-module.ts'
import { LUMA, toTensor } from './input.ts'

/** The part of WebAssembly used here; Node's types leave it to the browser's. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> }
  readonly Memory: new (size: { initial: number }) => { readonly buffer: ArrayBuffer, readonly grow: (pages: number) => number }
  readonly validate: (bytes: Uint8Array) => boolean
}

type Row = (offsets: number, weights: number, n: number, upper: number, lower: number, wy: number, scale: number, bias: number, out: number, planeOrLuma: number) => void
interface Exports { readonly colour: Row, readonly grey: Row }

/**
 * @param maps each takes continuous px of the frame to continuous px of the original; without rotation or shear.
 * @returns float32 `[N, C, height, width]`, (v - mean) / std; outside the picture v is the reader's `fill`.
 */
export type FrameReader = (pyramid: Pyramid, maps: readonly Affine[], size?: { readonly width: number, readonly height: number }) => Tensor

const PAGE_BYTES = 65536
/** Where scale, bias and luma lie: float32 `[4]` each. */
const SCALE_AT = 0
const BIAS_AT = 16
const LUMA_AT = 32
const TABLES_AT = 48
/** A row is read four bytes at a time, at one pixel and the next. */
const ROW_SLACK = 8

/** @param fill 0..255. The reader has scratch memory of its own and never waits, so it serves any number of callers. */
export function createFrameReader (input: ModelInput, fill = 0): FrameReader {
  const wasm = new Uint8Array(Buffer.from(FRAME_MODULE, 'base64'))
  if (!WebAssembly.validate(wasm)) {
    return (pyramid, maps, size = input) => toTensor(maps.map(map => pyramid.warp(map, size.width, size.height, fill)), { ...input, width: size.width, height: size.height })
  }
  const memory = new WebAssembly.Memory({ initial: 1 })
  const { colour, grey } = new WebAssembly.Instance(new WebAssembly.Module(wasm), { env: { memory } }).exports as unknown as Exports
  const isGrey = input.channels === 'grey'
  const channels = isGrey ? 1 : 3
  const { scale, bias } = normalisation(input)

  /** Makes room for `bytes` and writes the constants. */
  function reserve (bytes: number): ArrayBuffer {
    if (memory.buffer.byteLength < bytes) memory.grow(Math.ceil((bytes - memory.buffer.byteLength) / PAGE_BYTES))
    new Float32Array(memory.buffer, SCALE_AT, 12).set([...scale, 0, ...bias, 0, ...LUMA, 0])
    return memory.buffer
  }

  /** Samples one frame into `out`, float32 `[C, height, width]`. */
  function read ({ raster, map }: { raster: Raster, map: Affine }, width: number, height: number, out: Float32Array): void {
    const plane = width * height
    const rowBytes = align(raster.width * 3 + 3 + ROW_SLACK)
    const weightsAt = TABLES_AT + align(4 * width)
    const upperAt = weightsAt + align(4 * width)
    const lowerAt = upperAt + rowBytes
    const outAt = lowerAt + rowBytes
    const buffer = reserve(outAt + 4 * channels * plane)
    const columns = axis(map.a, map.c, width, raster.width)
    const rows = axis(map.e, map.f, height, raster.height)
    const pixels = new Float32Array(buffer, outAt, channels * plane)
    if (columns.to - columns.from < width || rows.to - rows.from < height) {
      for (let c = 0; c < channels; c++) pixels.fill((isGrey ? fill * scale[0] + bias[0] : fill * scale[c]! + bias[c]!), plane * fileOrder(c), plane * (fileOrder(c) + 1))
    }
    if (columns.to > columns.from) {
      const first = columns.at[columns.from]!
      const last = Math.min(columns.at[columns.to - 1]! + 2, raster.width)
      new Int32Array(buffer, TABLES_AT, width).set(columns.at.map(x => 3 * (x - first)))
      new Float32Array(buffer, weightsAt, width).set(columns.weight)
      const [upper, lower] = [new Uint8Array(buffer, upperAt, rowBytes), new Uint8Array(buffer, lowerAt, rowBytes)]
      for (let v = rows.from; v < rows.to; v++) {
        const y = rows.at[v]!
        copyRow(raster, y, first, last, upper)
        copyRow(raster, Math.min(y + 1, raster.height - 1), first, last, lower)
        const at = outAt + 4 * (v * width + columns.from + (input.channels === 'bgr' ? 2 * plane : 0))
        const step = isGrey ? LUMA_AT : input.channels === 'bgr' ? -4 * plane : 4 * plane
        const row = isGrey ? grey : colour
        row(TABLES_AT + 4 * columns.from, weightsAt + 4 * columns.from, columns.to - columns.from, upperAt, lowerAt, rows.weight[v]!, SCALE_AT, BIAS_AT, at, step)
      }
    }
    out.set(pixels)
  }
  const fileOrder = (channel: number): number => input.channels === 'bgr' ? 2 - channel : channel

  return (pyramid, maps, { width, height } = input) => {
    const length = channels * width * height
    const data = new Float32Array(maps.length * length)
    maps.forEach((map, n) => { read(pyramid.sourceOf(map), width, height, data.subarray(n * length, (n + 1) * length)) })
    return { data, dims: [maps.length, channels, height, width] }
  }
}

interface Axis {
  /** Samples in `from..to` lie in the picture. */
  readonly from: number
  readonly to: number
  /** The picture's px left of (above) each sample, and the weight of the next. */
  readonly at: Int32Array
  readonly weight: Float32Array
}

/** Where samples `scale * (i + 0.5) + shift` lie among `length` px, whose centres are at 0.5, 1.5, ... */
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

/** Pixels `first` to `last` of row `y`, and the last once more, as the neighbour of itself. */
function copyRow ({ data, width }: Raster, y: number, first: number, last: number, to: Uint8Array): void {
  const end = 3 * (y * width + last)
  to.set(data.subarray(3 * (y * width + first), end))
  to.copyWithin(3 * (last - first), 3 * (last - first) - 3, 3 * (last - first))
}

function normalisation ({ mean, std }: ModelInput): { scale: readonly [number, number, number], bias: readonly [number, number, number] } {
  const at = (v: number | number[], c: number): number => typeof v === 'number' ? v : v[c]!
  const of = (c: number): { scale: number, bias: number } => ({ scale: 1 / at(std, c), bias: -at(mean, c) / at(std, c) })
  const [r, g, b] = [of(0), of(1), of(2)]
  return { scale: [r.scale, g.scale, b.scale], bias: [r.bias, g.bias, b.bias] }
}

const align = (bytes: number): number => (bytes + 15) & ~15
