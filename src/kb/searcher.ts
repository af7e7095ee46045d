// Search of one space by one thread: exact, or by a coarse look first. All it reads is memory that threads share.
import { openCoarse, type Coarse } from './coarse.ts'
import { createTop, searchAmong, searchExact, type Hits } from './exact.ts'
import { openTable, type TablePlace, type VectorTable } from './vectors.ts'

export interface SearchedSpace {
  readonly place: TablePlace
  /** Entity row of each vector, ascending. */
  readonly entityRows: Uint32Array
  /** `[entities + 1]`: the vectors of entity row r are those from `first[r]` up to, not including, `first[r + 1]`. */
  readonly first: Uint32Array
  /** Null where every vector is compared in full. */
  readonly coarse: (Coarse & { /** Compared in full at least. */ readonly candidates: number }) | null
}

export type Search = (query: Float32Array, k: number) => Hits

/** Candidates for each of the `k` that are asked for. */
const CANDIDATES_PER_HIT = 4

/** @param slot of the thread that searches: see SCAN_SLOTS. */
export function createSearcher ({ place, entityRows, first, coarse }: SearchedSpace, slot = 0): Search {
  const table = openTable(place, slot)
  if (coarse === null) return (query, k) => rescore(table, first, searchExact(table, entityRows, query, k).rows, query, k)
  const look = openCoarse(coarse, slot)
  return (query, k) => {
    // Entities with several vectors can fill the candidates more than once.
    for (let wanted = Math.max(coarse.candidates, k * CANDIDATES_PER_HIT); ; wanted *= 2) {
      const candidates = look(query, wanted)
      const { rows } = searchAmong(table, entityRows, candidates, query, k)
      if (rows.length >= k || candidates.length >= table.count) return rescore(table, first, rows, query, k)
    }
  }
}

/** The best `k` of `rows` by their similarities in full: the same whichever way they were found. */
export function rescore (table: VectorTable, first: Uint32Array, rows: Uint32Array, query: Float32Array, k: number): Hits {
  const top = createTop(Math.min(k, rows.length))
  for (const row of rows.sort()) top.offer(row, bestOf(table, first, row, query))
  return top.hits()
}

/** Similarity of an entity's best vector, NaN where it has none. */
export function bestOf (table: VectorTable, first: Uint32Array, row: number, query: Float32Array): number {
  let best = NaN
  for (let vector = first[row]!; vector < first[row + 1]!; vector++) {
    const similarity = table.similarity(vector, query)
    if (!(similarity <= best)) best = similarity
  }
  return best
}
