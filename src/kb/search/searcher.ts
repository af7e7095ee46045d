// Search of one space in one thread: flat, or candidates by PCA or by a graph, rescored in full.
import { errors } from '../../errors.ts'
import { hashFile } from '../storage/atomic-folder.ts'
import { readGraph, type Graph } from './hnsw.ts'
import { openPca, project, type FindCandidates, type Pca } from './pca.ts'
import { searchSubset, searchFlat } from './flat.ts'
import { createTop, type Hits } from './top-k.ts'
import { openTable, type TableMemory, type VectorTable } from './vector-table.ts'

export interface SearchedSpace {
  readonly vectors: TableMemory
  /** Entity row of each vector, ascending. */
  readonly entityRows: Uint32Array
  /** `[entities + 1]`: the vectors of entity row r are those from `first[r]` to `first[r + 1]` (exclusive). */
  readonly first: Uint32Array
  /** Null where the search is another. `candidates`: least number of vectors to rescore in full. */
  readonly pca: (Pca & { readonly candidates: number }) | null
  /** Null where the search is another. */
  readonly graph: GraphFile | null
}

/** A graph over the first principal components of the vectors. */
export interface GraphFile {
  /** File of hnswlib, read by each thread that searches: its memory cannot be shared. */
  readonly path: string
  /** Of the file: another index may lie there when a thread is started again. */
  readonly sha256: string
  /** float32 `[kept, dims]` in shared memory: orthonormal rows. */
  readonly components: Float32Array
  /** Size of the candidate list of a search. */
  readonly ef: number
  /** Least number of vectors to rescore in full. */
  readonly candidates: number
}

export type Search = (query: Float32Array, k: number) => Hits

/** Oversampling: least number of candidates for each of `k` hits. */
const CANDIDATES_PER_HIT = 4
/** Above this share of all vectors as candidates, comparing all is faster; and a graph need not reach them all. */
const FLAT_FROM = 1 / 8

/** Reads the graph, where there is one. @param slot of the calling thread, from 0. @throws VEL_ERR_INPUT, VEL_ERR_INDEX */
export async function openSearcher (space: SearchedSpace, slot = 0): Promise<Search> {
  if (space.graph === null) return createSearcher(space, slot)
  const { path, sha256, components, ef, candidates } = space.graph
  if ((await hashFile(path)).sha256 !== sha256) throw errors.index(path, 'the graph of the index that is open', 'another one')
  const kept = components.length / space.vectors.dims
  return rescoring(space, slot, searchGraph(await readGraph(path, kept), components, ef), candidates)
}

/** Flat or by PCA. @param slot of the calling thread, from 0. */
export function createSearcher (space: Omit<SearchedSpace, 'graph'>, slot = 0): Search {
  const { vectors, entityRows, first, pca } = space
  if (pca !== null) return rescoring(space, slot, openPca(pca, slot), pca.candidates)
  const table = openTable(vectors, slot)
  return (query, k) => rescore(table, first, searchFlat(table, entityRows, query, k).rows, query, k)
}

/** Candidates by a graph over `components`: float32 `[kept, dims]`. */
export function searchGraph (graph: Graph, components: Float32Array, ef: number): FindCandidates {
  let projected: Float32Array | undefined
  return (query, wanted) => {
    projected ??= new Float32Array(components.length / query.length)
    return Uint32Array.from(graph.search(project(components, query, projected), wanted, ef).labels).sort()
  }
}

/** Finds candidates and compares them in full. */
function rescoring (
  { vectors, entityRows, first }: Omit<SearchedSpace, 'graph' | 'pca'>, slot: number, findCandidates: FindCandidates, least: number
): Search {
  const table = openTable(vectors, slot)
  return (query, k) => {
    // Several candidates can be of one entity: repeat with twice as many until there are k entities.
    for (let wanted = Math.max(least, k * CANDIDATES_PER_HIT); wanted < table.count * FLAT_FROM; wanted *= 2) {
      const { rows } = searchSubset(table, entityRows, findCandidates(query, wanted), query, k)
      if (rows.length >= k) return rescore(table, first, rows, query, k)
    }
    return rescore(table, first, searchFlat(table, entityRows, query, k).rows, query, k)
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
