// Many vectors in one buffer, in one of three encodings; similarities are computed on the encoded form.
import type { Encoding } from './format.ts'
import { dot } from '../math/vector.ts'
import { fromHalf, toHalf } from './half.ts'
import { allocateScan } from './scan.ts'

/** Vectors `[count, dims]`, L2-normalised, encoded. Nothing here copies the buffer. */
export interface VectorTable {
  readonly count: number
  readonly dims: number
  readonly encoding: Encoding
  /** Cosine of vector `row` to `query`: L2-normalised float32 `[dims]`. */
  similarity: (row: number, query: Float32Array) => number
  /** Cosines of `query` to all vectors `[count]`; overwritten by the next scan. */
  scan: (query: Float32Array) => Float32Array
  /** Decodes vector `row` into `out`: float32 `[dims]`. */
  read: (row: number, out: Float32Array) => Float32Array
}

const BYTES: Readonly<Record<Encoding, number>> = { int8: 1, float16: 2, float32: 4 }

/** Bytes of `count` vectors. int8: first a float32 scale for each vector, then the codes. */
export function tableBytes (encoding: Encoding, count: number, dims: number): number {
  return count * dims * BYTES[encoding] + (encoding === 'int8' ? count * 4 : 0)
}

/** Where in the file vector `row` starts, bytes. */
export function rowOffset (encoding: Encoding, count: number, dims: number, row: number): number {
  return row * dims * BYTES[encoding] + (encoding === 'int8' ? count * 4 : 0)
}

/** A table of zeros; it becomes what its file's `bytes` are once they are filled in. Little endian. */
export function allocateTable (encoding: Encoding, count: number, dims: number): { readonly bytes: Uint8Array, readonly table: VectorTable } {
  const fast = encoding === 'int8' ? allocateScan(count, dims) : null
  if (fast !== null) return { bytes: fast.bytes, table: { ...int8Table(fast.scales, fast.codes, dims), scan: fast.scan } }
  const buffer = new ArrayBuffer(tableBytes(encoding, count, dims))
  const bytes = new Uint8Array(buffer)
  switch (encoding) {
    case 'int8': return { bytes, table: int8Table(new Float32Array(buffer, 0, count), new Int8Array(buffer, count * 4), dims) }
    case 'float16': return { bytes, table: float16Table(new Uint16Array(buffer), dims) }
    case 'float32': return { bytes, table: float32Table(new Float32Array(buffer), dims) }
  }
}

/** One vector encoded: its bytes and, for int8, the scale that is kept apart. */
export function encodeVector (encoding: Encoding, v: Float32Array): { bytes: Uint8Array, scale: number } {
  if (encoding === 'float32') return { bytes: new Uint8Array(v.buffer, v.byteOffset, v.byteLength), scale: 1 }
  if (encoding === 'float16') return { bytes: new Uint8Array(Uint16Array.from(v, toHalf).buffer), scale: 1 }
  let largest = 0
  for (const x of v) largest = Math.max(largest, Math.abs(x))
  const codes = largest === 0 ? new Int8Array(v.length) : Int8Array.from(v, x => Math.round(x / largest * 127))
  // Not largest / 127 but what makes the decoded vector's length 1: similarities stay cosines, and lose less.
  const scale = largest === 0 ? 0 : 1 / Math.sqrt(dot(codes, codes))
  return { bytes: new Uint8Array(codes.buffer), scale }
}

/** Vectors encoded into a table. */
export function tableOf (encoding: Encoding, vectors: readonly Float32Array[], dims: number): VectorTable {
  const { bytes, table } = allocateTable(encoding, vectors.length, dims)
  const scales = Float32Array.from(vectors, (v, row) => {
    const encoded = encodeVector(encoding, v)
    bytes.set(encoded.bytes, rowOffset(encoding, vectors.length, dims, row))
    return encoded.scale
  })
  if (encoding === 'int8') bytes.set(new Uint8Array(scales.buffer))
  return table
}

function withScan (table: Omit<VectorTable, 'scan'>): VectorTable {
  const out = new Float32Array(table.count)
  const scan = (query: Float32Array): Float32Array => {
    for (let row = 0; row < out.length; row++) out[row] = table.similarity(row, query)
    return out
  }
  return { ...table, scan }
}

function int8Table (scales: Float32Array, codes: Int8Array, dims: number): VectorTable {
  return withScan({
    count: scales.length,
    dims,
    encoding: 'int8',
    similarity: (row, query) => dotCodes(codes, row * dims, query) * scales[row]!,
    read (row, out) {
      for (let d = 0; d < dims; d++) out[d] = codes[row * dims + d]! * scales[row]!
      return out
    }
  })
}

function float16Table (halves: Uint16Array, dims: number): VectorTable {
  const floats = Float32Array.from({ length: 65536 }, (_, half) => fromHalf(half))
  return withScan({
    count: halves.length / dims,
    dims,
    encoding: 'float16',
    similarity (row, query) {
      let s = 0
      for (let d = 0, at = row * dims; d < dims; d++, at++) s += floats[halves[at]!]! * query[d]!
      return s
    },
    read (row, out) {
      for (let d = 0; d < dims; d++) out[d] = floats[halves[row * dims + d]!]!
      return out
    }
  })
}

function float32Table (values: Float32Array, dims: number): VectorTable {
  return withScan({
    count: values.length / dims,
    dims,
    encoding: 'float32',
    similarity (row, query) {
      let s = 0
      for (let d = 0, at = row * dims; d < dims; d++, at++) s += values[at]! * query[d]!
      return s
    },
    read (row, out) {
      out.set(values.subarray(row * dims, (row + 1) * dims))
      return out
    }
  })
}

/**
 * Dot product of `codes[at .. at + query.length]` and `query`. Four sums run side by side. NOTE: for int8 alone; a loop
 * that has met several array types is compiled to a form some three times slower.
 */
function dotCodes (codes: Int8Array, at: number, query: Float32Array): number {
  let a = 0
  let b = 0
  let c = 0
  let e = 0
  const dims = query.length
  const whole = dims - dims % 4
  let d = 0
  for (; d < whole; d += 4, at += 4) {
    a += codes[at]! * query[d]!
    b += codes[at + 1]! * query[d + 1]!
    c += codes[at + 2]! * query[d + 2]!
    e += codes[at + 3]! * query[d + 3]!
  }
  for (; d < dims; d++, at++) a += codes[at]! * query[d]!
  return (a + b) + (c + e)
}
