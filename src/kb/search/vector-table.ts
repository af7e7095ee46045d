// Many vectors in one buffer, in one of three encodings; similarities are computed on the encoded form.
import type { Encoding } from '../storage/manifest.ts'
import { dot } from '../../math/vector.ts'
import { allocateKernel, BYTES, INT16_STEPS, openKernel, type DotKernel, type KernelMemory } from './dot-kernel.ts'

/** Vectors `[count, dims]`, L2-normalised, encoded. Nothing here copies the buffer. */
export interface VectorTable extends DotKernel {
  readonly count: number
  readonly dims: number
  readonly encoding: Encoding
  /** Cosine of vector `row` to `query`: L2-normalised float32 `[dims]`. */
  similarity: (row: number, query: Float32Array) => number
  /** Decodes vector `row` into `out`: float32 `[dims]`. */
  read: (row: number, out: Float32Array) => Float32Array
}

/** Where in the file vector `row` starts, bytes. int8: first a float32 scale for each vector, then the codes. */
export function rowOffset (encoding: Encoding, count: number, dims: number, row: number): number {
  return row * dims * BYTES[encoding] + (encoding === 'int8' ? count * 4 : 0)
}

/** Where a table is: memory that threads share, each opening its own table of it. */
export interface TableMemory {
  readonly encoding: Encoding
  readonly count: number
  readonly dims: number
  /** Null where plain loops serve. */
  readonly scan: KernelMemory | null
  /** The file's bytes. */
  readonly bytes: Uint8Array<SharedArrayBuffer>
}

/** Room for a table; it becomes what its file's `bytes` are once they are filled in. Little endian. */
export function allocateTable (encoding: Encoding, count: number, dims: number): TableMemory {
  const scan = allocateKernel(encoding, count, dims)
  const bytes = scan === null ? new Uint8Array(new SharedArrayBuffer(rowOffset(encoding, count, dims, count))) : new Uint8Array(scan.memory.buffer, scan.offset, scan.bytes)
  return { encoding, count, dims, scan, bytes }
}

/** @param slot of the thread that scans: see SCAN_SLOTS. */
export function openTable ({ encoding, count, dims, scan, bytes }: TableMemory, slot = 0): VectorTable {
  const { buffer, byteOffset } = bytes
  const codesAt = byteOffset + rowOffset(encoding, count, dims, 0)
  const rows = encoding === 'int8'
    ? int8Rows(new Float32Array(buffer, byteOffset, count), new Int8Array(buffer, codesAt, count * dims), dims)
    : encoding === 'int16' ? int16Rows(new Int16Array(buffer, codesAt, count * dims), dims) : float32Rows(new Float32Array(buffer, codesAt, count * dims), dims)
  return { count, dims, encoding, ...rows, ...(scan === null ? scanByRow(count, rows) : openKernel(scan, encoding, count, dims, slot)) }
}

/** One vector encoded: its bytes and, for int8, the scale that is kept apart. */
export function encodeVector (encoding: Encoding, v: Float32Array): { bytes: Uint8Array, scale: number } {
  if (encoding === 'float32') return { bytes: new Uint8Array(v.buffer, v.byteOffset, v.byteLength), scale: 1 }
  // NOTE: plain loops: `from` with a function takes ten times as long.
  if (encoding === 'int16') {
    const codes = new Int16Array(v.length)
    for (let d = 0; d < v.length; d++) codes[d] = Math.round(Math.max(-1, Math.min(1, v[d]!)) * INT16_STEPS)
    return { bytes: new Uint8Array(codes.buffer), scale: 1 }
  }
  let largest = 0
  for (let d = 0; d < v.length; d++) largest = Math.max(largest, Math.abs(v[d]!))
  const codes = new Int8Array(v.length)
  if (largest > 0) for (let d = 0; d < v.length; d++) codes[d] = Math.round(v[d]! / largest * 127)
  // Not largest / 127 but what makes the decoded vector's length 1: similarities stay cosines, and lose less.
  const scale = largest === 0 ? 0 : 1 / Math.sqrt(dot(codes, codes))
  return { bytes: new Uint8Array(codes.buffer), scale }
}

/** Vectors encoded. */
export function encodeTable (encoding: Encoding, vectors: readonly Float32Array[], dims: number): TableMemory {
  const place = allocateTable(encoding, vectors.length, dims)
  fillTable(place, vectors)
  return place
}

/** Encodes vectors into the first rows. */
export function fillTable ({ encoding, count, dims, bytes }: TableMemory, vectors: readonly Float32Array[]): void {
  const scales = Float32Array.from(vectors, (v, row) => {
    const encoded = encodeVector(encoding, v)
    bytes.set(encoded.bytes, rowOffset(encoding, count, dims, row))
    return encoded.scale
  })
  if (encoding === 'int8') bytes.set(new Uint8Array(scales.buffer))
}

export function tableOf (encoding: Encoding, vectors: readonly Float32Array[], dims: number): VectorTable {
  return openTable(encodeTable(encoding, vectors, dims))
}

type Rows = Pick<VectorTable, 'similarity' | 'read'>

function scanByRow (count: number, { similarity }: Rows): DotKernel {
  const out = new Float32Array(count)
  return {
    scan (query, from = 0) {
      for (let row = from; row < count; row++) out[row] = similarity(row, query)
      return out
    },
    scanSome (query, rows) {
      for (let i = 0; i < rows.length; i++) out[i] = similarity(rows[i]!, query)
      return out
    },
    above: (least, from = 0) => rowsAbove(out, least, from)
  }
}

export function rowsAbove (values: Float32Array, least: number, from = 0): Uint32Array {
  const places: number[] = []
  for (let i = from; i < values.length; i++) if (values[i]! >= least) places.push(i)
  return Uint32Array.from(places)
}

// NOTE: one loop an array type; a loop that has met several is compiled to a form some three times slower. Four sums,
// since each waits for its last addition.

function int8Rows (scales: Float32Array, codes: Int8Array, dims: number): Rows {
  const fours = dims - dims % 4
  return {
    similarity (row, query) {
      let s = 0
      let t = 0
      let u = 0
      let v = 0
      let d = 0
      let at = row * dims
      for (; d < fours; d += 4, at += 4) {
        s += codes[at]! * query[d]!
        t += codes[at + 1]! * query[d + 1]!
        u += codes[at + 2]! * query[d + 2]!
        v += codes[at + 3]! * query[d + 3]!
      }
      for (; d < dims; d++, at++) s += codes[at]! * query[d]!
      return (s + t + u + v) * scales[row]!
    },
    read (row, out) {
      for (let d = 0; d < dims; d++) out[d] = codes[row * dims + d]! * scales[row]!
      return out
    }
  }
}

function int16Rows (codes: Int16Array, dims: number): Rows {
  const fours = dims - dims % 4
  return {
    similarity (row, query) {
      let s = 0
      let t = 0
      let u = 0
      let v = 0
      let d = 0
      let at = row * dims
      for (; d < fours; d += 4, at += 4) {
        s += codes[at]! * query[d]!
        t += codes[at + 1]! * query[d + 1]!
        u += codes[at + 2]! * query[d + 2]!
        v += codes[at + 3]! * query[d + 3]!
      }
      for (; d < dims; d++, at++) s += codes[at]! * query[d]!
      return (s + t + u + v) / INT16_STEPS
    },
    read (row, out) {
      for (let d = 0; d < dims; d++) out[d] = codes[row * dims + d]! / INT16_STEPS
      return out
    }
  }
}

function float32Rows (values: Float32Array, dims: number): Rows {
  const fours = dims - dims % 4
  return {
    similarity (row, query) {
      let s = 0
      let t = 0
      let u = 0
      let v = 0
      let d = 0
      let at = row * dims
      for (; d < fours; d += 4, at += 4) {
        s += values[at]! * query[d]!
        t += values[at + 1]! * query[d + 1]!
        u += values[at + 2]! * query[d + 2]!
        v += values[at + 3]! * query[d + 3]!
      }
      for (; d < dims; d++, at++) s += values[at]! * query[d]!
      return s + t + u + v
    },
    read (row, out) {
      out.set(values.subarray(row * dims, (row + 1) * dims))
      return out
    }
  }
}
