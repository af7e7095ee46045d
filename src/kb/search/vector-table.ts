// Many vectors in one buffer, in one of three encodings; similarities are computed on the encoded form.
import type { Encoding } from '../storage/manifest.ts'
import { dot } from '../../math/vector.ts'
import { allocateKernel, BYTES_PER_NUMBER, INT16_STEPS, openKernel } from './dot-kernel.ts'
import type { DotKernel, KernelMemory, TableShape } from './dot-kernel.ts'

/** Encoded, L2-normalised vectors `[count, dims]`. Nothing here copies the buffer. */
export interface VectorTable extends DotKernel, TableShape {
  /** Decodes vector `row` into `out`: float32 `[dims]`. */
  read: (row: number, out: Float32Array) => Float32Array
}

/** Memory of a table, which threads share; each thread opens its own table of it. */
export interface TableMemory extends TableShape, KernelMemory {}

/** Offset of vector `row` in the file, bytes. int8: the float32 scales of all vectors come first, then the codes. */
export function rowOffset (encoding: Encoding, count: number, dims: number, row: number): number {
  return row * dims * BYTES_PER_NUMBER[encoding] + (encoding === 'int8' ? count * 4 : 0)
}

/** Allocates an empty table; reading its file into `bytes` fills it. @throws RangeError where it needs more than 4 GiB. */
export function allocateTable (encoding: Encoding, count: number, dims: number, slots = 1): TableMemory {
  const shape = { encoding, count, dims, slots }
  return { ...shape, ...allocateKernel(shape) }
}

/** @param slot of the calling thread, from 0 to less than `table.slots`. */
export function openTable (table: TableMemory, slot = 0): VectorTable {
  const { encoding, count, dims } = table
  return { encoding, count, dims, read: rowReader(table), ...openKernel(table.memory, table, slot) }
}

/** Encodes one vector: its bytes and, for int8, the scale, which is stored separately. */
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
  // Not largest / 127 but the scale that makes the decoded vector's norm 1: similarities stay cosines, with a smaller error.
  const scale = largest === 0 ? 0 : 1 / Math.sqrt(dot(codes, codes))
  return { bytes: new Uint8Array(codes.buffer), scale }
}

/** Allocates a table of `vectors`, encoded. */
export function encodeTable (encoding: Encoding, vectors: readonly Float32Array[], dims: number): TableMemory {
  const table = allocateTable(encoding, vectors.length, dims)
  fillTable(table, vectors)
  return table
}

/** Encodes `vectors` into the first rows. */
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

// NOTE: one loop for each array type: a loop that has met several types is compiled to a form some three times slower.
function rowReader ({ encoding, count, dims, bytes }: TableMemory): VectorTable['read'] {
  const codesAt = bytes.byteOffset + rowOffset(encoding, count, dims, 0)
  if (encoding === 'int8') {
    const scales = new Float32Array(bytes.buffer, bytes.byteOffset, count)
    const codes = new Int8Array(bytes.buffer, codesAt, count * dims)
    return (row, out) => {
      for (let d = 0; d < dims; d++) out[d] = codes[row * dims + d]! * scales[row]!
      return out
    }
  }
  if (encoding === 'int16') {
    const codes = new Int16Array(bytes.buffer, codesAt, count * dims)
    return (row, out) => {
      for (let d = 0; d < dims; d++) out[d] = codes[row * dims + d]! / INT16_STEPS
      return out
    }
  }
  const values = new Float32Array(bytes.buffer, codesAt, count * dims)
  return (row, out) => {
    out.set(values.subarray(row * dims, (row + 1) * dims))
    return out
  }
}
