// Search of one space in one thread: flat, or PCA with rescoring. It reads shared memory only.
import { openPca, type Pca } from './pca.ts'
import { searchSubset, searchFlat } from './flat.ts'
import { createTop, type Hits } from './top-k.ts'
import { openTable, type TableMemory, type VectorTable } from './vector-table.ts'

export interface SearchedSpace {
  readonly vectors: TableMemory
  /** Entity row of each vector, ascending. */
  readonly entityRows: Uint32Array
  /** `[entities + 1]`: the vectors of entity row r are those from `first[r]` to `first[r + 1]` (exclusive). */
  readonly first: Uint32Array
  /** Null for flat search. `candidates`: least number of vectors to rescore in full. */
  readonly pca: (Pca & { readonly candidates: number }) | null
}

export type Search = (query: Float32Array, k: number) => Hits

/** Oversampling: least number of candidates for each of `k` hits. */
const CANDIDATES_PER_HIT = 4

/** @param slot of the calling thread, 0 to THREAD_SLOTS - 1. */
export function createSearcher ({ vectors, entityRows, first, pca }: SearchedSpace, slot = 0): Search {
  const table = openTable(vectors, slot)
  if (pca === null) return (query, k) => rescore(table, first, searchFlat(table, entityRows, query, k).rows, query, k)
  const findCandidates = openPca(pca, slot)
  return (query, k) => {
    // Several candidates can be of one entity: repeat with twice as many until there are k entities.
    for (let wanted = Math.max(pca.candidates, k * CANDIDATES_PER_HIT); ; wanted *= 2) {
      const candidates = findCandidates(query, wanted)
      const { rows } = searchSubset(table, entityRows, candidates, query, k)
      if (rows.length >= k || candidates.length >= table.count) return rescore(table, first, rows, query, k)
    }
  }
}

/** The best `k` of entity `rows` by their exact similarities, so that every search returns the same numbers. Sorts `rows` in place. */
export function rescore (table: VectorTable, first: Uint32Array, rows: Uint32Array, query: Float32Array, k: number): Hits {
  const top = createTop(Math.min(k, rows.length))
  const sorted = rows.sort()
  bestOf(table, first, sorted, query).forEach((similarity, i) => { top.offer(sorted[i]!, similarity) })
  return top.hits()
}

/** Similarity of the best vector of each entity; NaN for an entity without vectors, and for row -1. */
export function bestOf (table: VectorTable, first: Uint32Array, rows: ArrayLike<number>, query: Float32Array): Float32Array {
  const vectors: number[] = []
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!
    if (row >= 0) for (let vector = first[row]!; vector < first[row + 1]!; vector++) vectors.push(vector)
  }
  const similarities = table.scanSome(query, vectors)
  const best = new Float32Array(rows.length).fill(NaN)
  for (let i = 0, at = 0; i < rows.length; i++) {
    const row = rows[i]!
    for (const end = row < 0 ? at : at + first[row + 1]! - first[row]!; at < end; at++) {
      if (!(similarities[at]! <= best[i]!)) best[i] = similarities[at]!
    }
  }
  return best
}
