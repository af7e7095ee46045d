// Candidates by the first principal components of the vectors, to be rescored in full (PCA with refinement, as in faiss).
import { EigenvalueDecomposition, Matrix } from 'ml-matrix'
import { allocateTable, openTable, type TableMemory, type VectorTable } from './vector-table.ts'

export interface Pca {
  /** int8 `[count, kept]`, all scales 1: coordinates of the vectors; 127 is the largest of a component. */
  readonly codes: TableMemory
  /** float32 `[kept, dims]` in shared memory: orthogonal rows; the norm of a row is the value of one step of its codes. */
  readonly components: Float32Array
}

/** Vectors from which the components are computed. */
const SAMPLE = 4096

export interface PrincipalComponents {
  /** float32 `[dims, dims]`: orthonormal rows, by falling second moment. */
  readonly components: Float32Array
  /** Second moment of the vectors along each component: `[dims]`, sums to their mean squared norm. */
  readonly moments: Float64Array
}

/** All principal components of the vectors, without centring. Takes seconds for 512 dims. */
export function principalComponents (table: VectorTable): PrincipalComponents {
  const { count, dims } = table
  const sampled = Math.min(SAMPLE, count)
  const moments = new Float64Array(dims * dims)
  const v = new Float32Array(dims)
  for (let n = 0; n < sampled; n++) {
    table.read(Math.floor(n * count / sampled), v)
    for (let i = 0; i < dims; i++) {
      const x = v[i]!
      for (let j = 0, at = i * dims; j <= i; j++, at++) moments[at]! += x * v[j]!
    }
  }
  const matrix = new Matrix(dims, dims)
  for (let i = 0; i < dims; i++) {
    for (let j = 0; j < dims; j++) matrix.set(i, j, moments[Math.max(i, j) * dims + Math.min(i, j)]!)
  }
  // Eigenvalues are ascending.
  const { eigenvectorMatrix, realEigenvalues } = new EigenvalueDecomposition(matrix, { assumeSymmetric: true })
  return {
    components: Float32Array.from({ length: dims * dims }, (_, i) => eigenvectorMatrix.get(i % dims, dims - 1 - Math.floor(i / dims))),
    moments: Float64Array.from(realEigenvalues).reverse().map(moment => Math.max(0, moment) / sampled)
  }
}

export function allocatePca (count: number, dims: number, kept: number, slots = 1): Pca {
  return { codes: allocateTable('int8', count, kept, slots), components: new Float32Array(new SharedArrayBuffer(kept * dims * 4)) }
}

/**
 * Projects all vectors.
 *
 * @param components those of `principalComponents`.
 * @param kept number of components to use.
 */
export function createPca (table: VectorTable, components: Float32Array, kept: number): Pca {
  const { count, dims } = table
  const pca = allocatePca(count, dims, kept)
  const { bytes } = pca.codes
  new Float32Array(bytes.buffer, bytes.byteOffset, count).fill(1)
  const codes = new Int8Array(bytes.buffer, bytes.byteOffset + count * 4, count * kept)
  for (let i = 0; i < kept; i++) {
    const component = components.subarray(i * dims, (i + 1) * dims)
    const coordinates = table.scan(component)
    let largest = Number.MIN_VALUE
    for (let row = 0; row < count; row++) largest = Math.max(largest, Math.abs(coordinates[row]!))
    for (let row = 0, at = i; row < count; row++, at += kept) codes[at] = Math.round(coordinates[row]! / largest * 127)
    pca.components.set(component.map(x => x * largest / 127), i * dims)
  }
  return pca
}

/** Rows of at least `wanted` vectors, or of all, ascending: those with the highest scores by the components. */
export type FindCandidates = (query: Float32Array, wanted: number) => Uint32Array

/** @param slot of the calling thread, from 0. */
export function openPca ({ codes, components }: Pca, slot = 0): FindCandidates {
  const table = openTable(codes, slot)
  const projected = new Float32Array(codes.dims)
  return (query, wanted) => highest(table.scan(project(components, query, projected)), wanted, table.above)
}

/** Coordinates of `query` along each of the rows of `components`: float32 `[out.length]`. */
export function project (components: Float32Array, query: Float32Array, out: Float32Array): Float32Array {
  const dims = query.length
  for (let i = 0, at = 0; i < out.length; i++) {
    let s = 0
    for (let d = 0; d < dims; d++, at++) s += components[at]! * query[d]!
    out[i] = s
  }
  return out
}

/** Every 32nd score is sampled to estimate the threshold of the top candidates. */
const SAMPLED_EVERY = 32

/** Indices of the `wanted` highest scores and some more, ascending. @param above returns the indices of scores from `least` on. */
export function highest (scores: Float32Array, wanted: number, above: (least: number) => Uint32Array): Uint32Array {
  const sample = new Float32Array(Math.ceil(scores.length / SAMPLED_EVERY))
  for (let i = 0; i < sample.length; i++) sample[i] = scores[i * SAMPLED_EVERY]!
  sample.sort()
  for (let rank = Math.ceil(2 * wanted / SAMPLED_EVERY); ; rank *= 2) {
    const least = rank < sample.length ? sample[sample.length - rank]! : -Infinity
    const indices = above(least)
    if (indices.length >= wanted || least === -Infinity) return indices
  }
}
