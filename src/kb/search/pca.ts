// A coarse copy of a table of vectors: each vector in the few directions in which they differ most. Comparing these finds
// the candidates; comparing the candidates in full finds the nearest (PCA with refinement).
import { EigenvalueDecomposition, Matrix } from 'ml-matrix'
import { allocateTable, openTable, type TableMemory, type VectorTable } from './vector-table.ts'

export interface Pca {
  /** int8 `[count, coarse dims]`, all scales 1: how far each vector goes along each axis, 127 being the farthest of all. */
  readonly codes: TableMemory
  /** float32 `[coarse dims, dims]` on shared memory: orthogonal, each as long as one step of its codes. */
  readonly components: Float32Array
}

/** Enough to know the directions of many more. */
const SAMPLE = 4096

/** All directions, those first in which the vectors are longest: float32 `[dims, dims]`, orthonormal. Seconds for 512. */
export function principalComponents (table: VectorTable): Float32Array {
  const { count, dims } = table
  const taken = Math.min(SAMPLE, count)
  const moments = new Float64Array(dims * dims)
  const v = new Float32Array(dims)
  for (let n = 0; n < taken; n++) {
    table.read(Math.floor(n * count / taken), v)
    for (let i = 0; i < dims; i++) {
      const x = v[i]!
      for (let j = 0, at = i * dims; j <= i; j++, at++) moments[at]! += x * v[j]!
    }
  }
  const matrix = new Matrix(dims, dims)
  for (let i = 0; i < dims; i++) for (let j = 0; j < dims; j++) matrix.set(i, j, moments[Math.max(i, j) * dims + Math.min(i, j)]!)
  // Eigenvalues ascend.
  const { eigenvectorMatrix } = new EigenvalueDecomposition(matrix, { assumeSymmetric: true })
  return Float32Array.from({ length: dims * dims }, (_, i) => eigenvectorMatrix.get(i % dims, dims - 1 - Math.floor(i / dims)))
}

export function allocatePca (count: number, dims: number, kept: number): Pca {
  return { codes: allocateTable('int8', count, kept), components: new Float32Array(new SharedArrayBuffer(kept * dims * 4)) }
}

/** @param axes as `principalAxes` gives them. @param kept how many of them, a multiple of 16. */
export function createPca (table: VectorTable, axes: Float32Array, kept: number): Pca {
  const { count, dims } = table
  const coarse = allocatePca(count, dims, kept)
  const { bytes } = coarse.codes
  new Float32Array(bytes.buffer, bytes.byteOffset, count).fill(1)
  const codes = new Int8Array(bytes.buffer, bytes.byteOffset + count * 4, count * kept)
  for (let i = 0; i < kept; i++) {
    const axis = axes.subarray(i * dims, (i + 1) * dims)
    const along = table.scan(axis)
    let farthest = Number.MIN_VALUE
    for (let row = 0; row < count; row++) farthest = Math.max(farthest, Math.abs(along[row]!))
    for (let row = 0, at = i; row < count; row++, at += kept) codes[at] = Math.round(along[row]! / farthest * 127)
    coarse.components.set(axis.map(x => x * farthest / 127), i * dims)
  }
  return coarse
}

/** The coarse look of one thread: places of at least `wanted` vectors where there are, ascending, the nearest as far as it sees. */
export function openPca ({ codes: place, components: axes }: Pca, slot = 0): (query: Float32Array, wanted: number) => Uint32Array {
  const table = openTable(place, slot)
  const seen = new Float32Array(place.dims)
  return (query, wanted) => highest(table.scan(project(axes, query, seen)), wanted, table.above)
}

/** A query in steps of the axes, so that its product with the codes is a cosine. */
function project (axes: Float32Array, query: Float32Array, out: Float32Array): Float32Array {
  const dims = query.length
  for (let i = 0, at = 0; i < out.length; i++) {
    let s = 0
    for (let d = 0; d < dims; d++, at++) s += axes[at]! * query[d]!
    out[i] = s
  }
  return out
}

/** Every so many-th is looked at to guess from where on the highest are. */
const GUESSED_FROM = 32

/** Places of the `wanted` highest and some more, ascending. @param above places of those that are at least as high. */
export function highest (similarities: Float32Array, wanted: number, above: (least: number) => Uint32Array): Uint32Array {
  const some = new Float32Array(Math.ceil(similarities.length / GUESSED_FROM))
  for (let i = 0; i < some.length; i++) some[i] = similarities[i * GUESSED_FROM]!
  some.sort()
  for (let rank = Math.ceil(2 * wanted / GUESSED_FROM); ; rank *= 2) {
    const least = rank < some.length ? some[some.length - rank]! : -Infinity
    const places = above(least)
    if (places.length >= wanted || least === -Infinity) return places
  }
}
