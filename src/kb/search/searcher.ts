// Search of one space by one thread: exact, or by a coarse look first. All it reads is memory that threads share.
import { openPca, type Pca } from './pca.ts'
import { searchSubset, searchFlat } from './flat.ts'
import { createTop, type Hits } from './top-k.ts'
import { openTable, type TableMemory, type VectorTable } from './vector-table.ts'

export interface SearchedSpace {
  readonly vectors: TableMemory
  /** Entity row of each vector, ascending. */
  readonly entityRows: Uint32Array
  /** `[entities + 1]`: the vectors of entity row r are those from `first[r]` up to, not including, `first[r + 1]`. */
  readonly first: Uint32Array
  /** Null where every vector is compared in full. */
  readonly pca: (Pca & { /** Compared in full at least. */ readonly candidates: number }) | null
}

export type Search = (query: Float32Array, k: number) => Hits

/** Candidates for each of the `k` that are asked for. */
const CANDIDATES_PER_HIT = 4

/** @param slot of the thread that searches: see SCAN_SLOTS. */
export function createSearcher ({ vectors: place, entityRows, first, pca: coarse }: SearchedSpace, slot = 0): Search {
  const table = openTable(place, slot)
  if (coarse === null) return (query, k) => rescore(table, first, searchFlat(table, entityRows, query, k).rows, query, k)
  const look = openPca(coarse, slot)
  return (query, k) => {
    // Entities with several vectors can fill the candidates more than once.
    for (let wanted = Math.max(coarse.candidates, k * CANDIDATES_PER_HIT); ; wanted *= 2) {
      const candidates = look(query, wanted)
      const { rows } = searchSubset(table, entityRows, candidates, query, k)
      if (rows.length >= k || candidates.length >= table.count) return rescore(table, first, rows, query, k)
    }
  }
}

/** The best `k` of `rows` by their similarities in full: the same whichever way they were found. */
export function rescore (table: VectorTable, first: Uint32Array, rows: Uint32Array, query: Float32Array, k: number): Hits {
  const top = createTop(Math.min(k, rows.length))
  const sorted = rows.sort()
  bestOf(table, first, sorted, query).forEach((similarity, i) => { top.offer(sorted[i]!, similarity) })
  return top.hits()
}

/** Similarity of each entity's best vector; NaN where it has none, or where its row is -1. */
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
    for (const end = row < 0 ? at : at + first[row + 1]! - first[row]!; at < end; at++) if (!(similarities[at]! <= best[i]!)) best[i] = similarities[at]!
  }
  return best
}
