// Memory for vectors in which they are compared several numbers at a time.
import type { Encoding } from '../storage/manifest.ts'
import { DOT_KERNEL_MODULE } from './dot-kernel-module.ts'

interface Exports {
  readonly scan8: (codes: number, scales: number, count: number, dims: number, query: number, unit: number, out: number) => void
  readonly scan16: (codes: number, count: number, dims: number, query: number, unit: number, out: number) => void
  readonly scan32: (codes: number, count: number, dims: number, query: number, out: number) => void
  readonly above: (values: number, count: number, least: number, out: number) => number
}

/** WebAssembly's shared memory: given to another thread, it is the same memory there. */
export interface SharedMemory { readonly buffer: SharedArrayBuffer }

export interface KernelMemory {
  readonly memory: SharedMemory
  /** Where in the memory the file's bytes are: for int8 float32 scales `[count]`; then the codes `[count, dims]`. */
  readonly offset: number
  readonly bytes: number
}

/** What either gives is overwritten by the next scan in the same slot. */
export interface DotKernel {
  /** Cosines of `query` to the vectors from row `from` (0) on, each at its row. */
  readonly scan: (query: Float32Array, from?: number) => Float32Array
  /** Cosines of `query` to some vectors, in their order. */
  readonly scanSome: (query: Float32Array, rows: ArrayLike<number>) => Float32Array
  /** Places, from row `from` (0) on and ascending, of what the last scan found at least as high; overwritten by the next. */
  readonly above: (least: number, from?: number) => Uint32Array
}

/** int16 codes are steps of a unit vector's numbers. */
export const INT16_STEPS = 32767
/** So many threads scan one memory at the same time, each in a slot of its own: the one that opened it and two that search. */
export const THREAD_SLOTS = 3

const PAGE_BYTES = 65536
const LANES = 16

/** Of one number. */
export const BYTES: Readonly<Record<Encoding, number>> = { int8: 1, int16: 2, float32: 4 }

/** @returns null where this machine or these sizes do not allow it; plain loops serve then. */
export function allocateKernel (encoding: Encoding, count: number, dims: number): KernelMemory | null {
  if (dims % LANES !== 0 || count === 0 || !WebAssembly.validate(compiled())) return null
  const { scalesAt, codesAt, codesBytes, end } = layOut(encoding, count, dims)
  const pages = Math.ceil(end / PAGE_BYTES)
  if (pages > 65536) return null
  return { memory: new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }), offset: scalesAt, bytes: codesAt - scalesAt + codesBytes }
}

/** @param slot of the thread that scans, 0 up to SCAN_SLOTS. */
export function openKernel ({ memory }: KernelMemory, encoding: Encoding, count: number, dims: number, slot: number): DotKernel {
  const { scan8, scan16, scan32, above } = new WebAssembly.Instance(new WebAssembly.Module(compiled()), { env: { memory } }).exports as unknown as Exports
  const { scalesAt, codesAt, slotsAt, slotBytes } = layOut(encoding, count, dims)
  const queryAt = slotsAt + slot * slotBytes
  const outAt = queryAt + align(dims * 4)
  const quantised = new Int16Array(memory.buffer, queryAt, dims)
  const plain = new Float32Array(memory.buffer, queryAt, dims)
  const out = new Float32Array(memory.buffer, outAt, count)
  const placesAt = outAt + align(count * 4)
  type Compare = (from: number, rows: number, to: number) => void
  const prepare: Readonly<Record<Encoding, (query: Float32Array) => Compare>> = {
    int8 (query) {
      const unit = quantise(query, quantised, 127 * Math.sqrt(dims))
      return (from, rows, to) => { scan8(codesAt + from * dims, scalesAt + 4 * from, rows, dims, queryAt, unit, outAt + 4 * to) }
    },
    int16 (query) {
      const unit = quantise(query, quantised, INT16_STEPS) / INT16_STEPS
      return (from, rows, to) => { scan16(codesAt + from * dims * 2, rows, dims, queryAt, unit, outAt + 4 * to) }
    },
    float32 (query) {
      plain.set(query)
      return (from, rows, to) => { scan32(codesAt + from * dims * 4, rows, dims, queryAt, outAt + 4 * to) }
    }
  }
  return {
    scan (query, from = 0) {
      prepare[encoding](query)(from, count - from, from)
      return out
    },
    scanSome (query, rows) {
      const compare = prepare[encoding](query)
      for (let i = 0; i < rows.length; i++) compare(rows[i]!, 1, i)
      return out
    },
    above (least, from = 0) {
      const places = new Uint32Array(memory.buffer, placesAt, above(outAt + 4 * from, count - from, least, placesAt))
      // Those behind the last row are none.
      let found = places.length
      while (found > 0 && places[found - 1]! >= count - from) found--
      if (from > 0) for (let i = 0; i < found; i++) places[i]! += from
      return places.subarray(0, found)
    }
  }
}

function compiled (): Uint8Array {
  return new Uint8Array(Buffer.from(DOT_KERNEL_MODULE, 'base64'))
}

/** Codes start at a multiple of 16; scales, as in the file, end where they start. Behind them each slot has a query and its cosines. */
function layOut (encoding: Encoding, count: number, dims: number): { scalesAt: number, codesAt: number, codesBytes: number, slotsAt: number, slotBytes: number, end: number } {
  const scalesBytes = encoding === 'int8' ? count * 4 : 0
  const codesBytes = count * dims * BYTES[encoding]
  const codesAt = align(scalesBytes)
  const slotsAt = align(codesAt + codesBytes)
  // Places are told up to four behind the last.
  const slotBytes = align(dims * 4) + 2 * align(count * 4) + LANES
  return { scalesAt: codesAt - scalesBytes, codesAt, codesBytes, slotsAt, slotBytes, end: slotsAt + THREAD_SLOTS * slotBytes }
}

/**
 * The query as int16, as fine as int32 sums allow: by Cauchy and Schwarz no sum exceeds |codes| |query|. The error of a
 * similarity is then below 1e-4.
 *
 * @param longest of any vector's codes, as a vector's length.
 * @returns what one step stands for.
 */
function quantise (query: Float32Array, into: Int16Array, longest: number): number {
  let largest = 0
  let squares = 0
  for (const x of query) {
    largest = Math.max(largest, Math.abs(x))
    squares += x * x
  }
  if (largest === 0) {
    into.fill(0)
    return 0
  }
  // A tenth of the range of int32 is left for what rounding adds.
  const factor = Math.min(32767 / largest, 0.9 * 2 ** 31 / (longest * Math.sqrt(squares)))
  for (let d = 0; d < query.length; d++) into[d] = Math.round(query[d]! * factor)
  return 1 / factor
}

function align (at: number): number {
  return Math.ceil(at / LANES) * LANES
}
