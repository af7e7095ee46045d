// Dot products of one query with many encoded vectors, in WebAssembly SIMD on memory that threads share.
import type { Encoding } from '../storage/manifest.ts'
import { DOT_KERNEL_MODULE } from './dot-kernel-module.ts'

interface Exports {
  readonly scan8: (codes: number, scales: number, count: number, dims: number, query: number, unit: number, out: number) => void
  readonly scan16: (codes: number, count: number, dims: number, query: number, unit: number, out: number) => void
  readonly scan32: (codes: number, count: number, dims: number, query: number, out: number) => void
  readonly above: (values: number, count: number, least: number, out: number) => number
}

export interface TableShape {
  readonly encoding: Encoding
  readonly count: number
  readonly dims: number
  /** Threads that can scan the memory at the same time; 1 where absent. */
  readonly slots?: number | undefined
}

/** Memory of a table. Posted to another thread, both parts are the same memory there. */
export interface KernelMemory {
  readonly memory: { readonly buffer: SharedArrayBuffer }
  /** The bytes of the vectors' file: for int8, float32 scales `[count]` first; then the codes `[count, dims]`, little endian. */
  readonly bytes: Uint8Array<SharedArrayBuffer>
}

/** Both scans write to one output buffer: a result is valid until the next scan in the same slot. */
export interface DotKernel {
  /** Cosines of `query` to the vectors from row `from` (0) on: float32 `[count]`, each at the index of its row. */
  readonly scan: (query: Float32Array, from?: number) => Float32Array
  /** Cosines of `query` to the vectors at `rows`, in the order of `rows`. */
  readonly scanSome: (query: Float32Array, rows: ArrayLike<number>) => Float32Array
  /** Rows from `from` (0) on whose cosine in the last scan is at least `least`, ascending; valid until the next call. */
  readonly above: (least: number, from?: number) => Uint32Array
}

/** int16 codes are multiples of 1 / 32767. */
export const INT16_STEPS = 32767
export const BYTES_PER_NUMBER: Readonly<Record<Encoding, number>> = { int8: 1, int16: 2, float32: 4 }

const PAGE_BYTES = 65536
/** WebAssembly addresses 4 GiB. */
const MAX_PAGES = 65536
/** Numbers in a step of the kernel's inner loop; also the alignment of blocks in memory, bytes. */
const LANES = 16

/** Allocates zeroed memory for a table. @throws RangeError where it needs more than 4 GiB. */
export function allocateKernel (shape: TableShape): KernelMemory {
  const { scalesAt, codesAt, codesBytes, end } = layOut(shape)
  const pages = Math.ceil(end / PAGE_BYTES)
  if (pages > MAX_PAGES) {
    const { encoding, count, dims } = shape
    throw new RangeError(`Expected vectors that fit in 4 GiB of memory, received ${count} of ${dims} ${encoding}`)
  }
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true })
  return { memory, bytes: new Uint8Array(memory.buffer, scalesAt, codesAt - scalesAt + codesBytes) }
}

/** @param slot of the calling thread, from 0 to less than `shape.slots`. */
export function openKernel (memory: KernelMemory['memory'], shape: TableShape, slot: number): DotKernel {
  const module = new WebAssembly.Module(new Uint8Array(Buffer.from(DOT_KERNEL_MODULE, 'base64')))
  const { scan8, scan16, scan32, above } = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Exports
  const { encoding, count, dims } = shape
  const { scalesAt, codesAt, slotsAt, slotBytes } = layOut(shape)
  const queryAt = slotsAt + slot * slotBytes
  const outAt = queryAt + align(dims) * 4
  const rowsAt = outAt + align(count * 4)
  const queryInt16 = new Int16Array(memory.buffer, queryAt, dims)
  const queryFloat32 = new Float32Array(memory.buffer, queryAt, dims)
  const out = new Float32Array(memory.buffer, outAt, count)
  type Compare = (from: number, rows: number, to: number) => void
  const prepare: Readonly<Record<Encoding, (query: Float32Array) => Compare>> = {
    int8 (query) {
      const unit = quantise(query, queryInt16, 127 * Math.sqrt(dims))
      return (from, rows, to) => { scan8(codesAt + from * dims, scalesAt + 4 * from, rows, dims, queryAt, unit, outAt + 4 * to) }
    },
    int16 (query) {
      const unit = quantise(query, queryInt16, INT16_STEPS) / INT16_STEPS
      return (from, rows, to) => { scan16(codesAt + from * dims * 2, rows, dims, queryAt, unit, outAt + 4 * to) }
    },
    float32 (query) {
      queryFloat32.set(query)
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
      const rows = new Uint32Array(memory.buffer, rowsAt, above(outAt + 4 * from, count - from, least, rowsAt))
      // The kernel reads blocks of four: drop hits behind the last row.
      let found = rows.length
      while (found > 0 && rows[found - 1]! >= count - from) found--
      if (from > 0) for (let i = 0; i < found; i++) rows[i]! += from
      return rows.subarray(0, found)
    }
  }
}

interface Layout {
  readonly scalesAt: number
  readonly codesAt: number
  readonly codesBytes: number
  readonly slotsAt: number
  readonly slotBytes: number
  readonly end: number
}

/**
 * Offsets in the memory, bytes: scales, codes, then for each slot its query, cosines and rows. Codes start at a multiple of 16,
 * and scales end there, as in the file.
 *
 * The kernel reads 16 numbers at a time, so that it reads past the end of a row whose width 16 does not divide. The query is
 * padded with zeros, which cancels what is read there; behind the last row are zeros too.
 */
function layOut ({ encoding, count, dims, slots = 1 }: TableShape): Layout {
  const scalesBytes = encoding === 'int8' ? count * 4 : 0
  const codesBytes = count * dims * BYTES_PER_NUMBER[encoding]
  const codesAt = align(scalesBytes)
  const slotsAt = align(codesAt + codesBytes + (align(dims) - dims) * BYTES_PER_NUMBER[encoding])
  // `above` writes up to four rows behind the last one.
  const slotBytes = align(dims) * 4 + 2 * align(count * 4) + LANES
  return { scalesAt: codesAt - scalesBytes, codesAt, codesBytes, slotsAt, slotBytes, end: slotsAt + slots * slotBytes }
}

/**
 * Quantises the query to int16, as finely as int32 sums allow: by the Cauchy-Schwarz inequality no sum exceeds
 * |codes| |query|. The error of a similarity is then below 1e-4.
 *
 * @param maxNorm largest possible norm of a vector's codes.
 * @returns the value of one step.
 */
function quantise (query: Float32Array, into: Int16Array, maxNorm: number): number {
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
  // A tenth of the range of int32 is kept for rounding errors.
  const factor = Math.min(32767 / largest, 0.9 * 2 ** 31 / (maxNorm * Math.sqrt(squares)))
  for (let d = 0; d < query.length; d++) into[d] = Math.round(query[d]! * factor)
  return 1 / factor
}

function align (n: number): number {
  return Math.ceil(n / LANES) * LANES
}
