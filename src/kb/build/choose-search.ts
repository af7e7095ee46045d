// How an index is searched: by comparing everything, by a coarse look first, or by a graph; by what is measured of each.
import { createPca, principalComponents, type Pca } from '../search/pca.ts'
import { searchFlat } from '../search/flat.ts'
import type { SearchManifest, SpaceManifest } from '../storage/manifest.ts'
import { createGraph, type Graph, type GraphPlan } from '../search/hnsw.ts'
import { createRandom, perturb } from '../../math/random.ts'
import { createSearcher } from '../search/searcher.ts'
import { openTable, type TableMemory, type VectorTable } from '../search/vector-table.ts'

/** M 16 and efConstruction 200 are hnswlib's own defaults; recall is set by ef, which is measured. */
export const GRAPH_PLAN: GraphPlan = { M: 16, efConstruction: 200, seed: 100 }

const ACCEPTED_RECALL = 0.99
const EF_LADDER = [16, 32, 64, 96, 128, 192, 256, 384, 512, 768, 1024]
const DIMS_LADDER = [32, 64, 96, 128, 192, 256, 384]
/** Few leave less to compare in full, many need fewer directions: which is faster depends on the vectors. */
const CANDIDATES = [200, 1000]
const K = 10
const QUERIES = 400
/** Queries are as near to their vector as two photos of one person, or as a picture to its text. */
const FACE_SIMILARITY = 0.6
export const TEXT_SIMILARITY = 0.3
const SEED = 2
/** Nothing is tried below: comparing everything takes less than a millisecond. */
export const FEW_VECTORS = 2000
/** ms a query: what a coarse copy or a graph must save to be worth its file, its memory and what it misses. */
const WORTHWHILE_MS = 1
/** ms a query: a graph, which takes minutes to build, is tried where the others take longer than this. */
const SLOW_MS = 15

export interface SearchChoice {
  readonly search: SearchManifest
  readonly msPerQuery: SpaceManifest['msPerQuery']
  /** What was made to measure it, also where it is not what is used. */
  readonly coarse: Pca | null
  readonly graph: Graph | null
}

export interface ChoiceOptions {
  /** Vectors in the graph so far. */
  readonly onAdded?: (done: number) => void
  /** Cosine of a query to the vector it was made from. */
  readonly querySimilarity?: number
  readonly worthwhileMs?: number
  readonly slowMs?: number
}

interface Yardstick { readonly queries: readonly Float32Array[], readonly right: ReadonlyArray<ReadonlySet<number>> }

/**
 * Measures recall@10 against exact search on held-back perturbed vectors, and time, of each way that may be worthwhile,
 * and takes the first that is fast enough, else the fastest. PCA gets the fewest directions that reach a recall of 0.99
 * with few or with many candidates, whichever is faster; HNSW the smallest ef. Synchronous for long: run it in a process of its own.
 */
export async function chooseSearch (place: TableMemory, { onAdded = () => {}, querySimilarity = FACE_SIMILARITY, worthwhileMs = WORTHWHILE_MS, slowMs = SLOW_MS }: ChoiceOptions = {}): Promise<SearchChoice> {
  const table = openTable(place)
  const vectors = Uint32Array.from({ length: table.count }, (_, row) => row)
  const queries = makeQueries(table, querySimilarity)
  const exactMs = undisturbedMs(queries, query => searchFlat(table, vectors, query, K))
  let best: SearchChoice = { search: { kind: 'exact' }, msPerQuery: { exact: exactMs }, coarse: null, graph: null }
  let bestMs = exactMs
  if (table.count < FEW_VECTORS || exactMs <= worthwhileMs) return best
  const yardstick = { queries, right: queries.map(query => new Set(searchFlat(table, vectors, query, K).rows)) }
  const byPca = tryPca(place, table, vectors, yardstick)
  if (byPca !== null) {
    const { ms, coarse, search } = byPca
    best = { ...best, coarse, msPerQuery: { ...best.msPerQuery, pca: ms } }
    if (bestMs - ms > worthwhileMs) [best, bestMs] = [{ ...best, search }, ms]
  }
  if (bestMs <= slowMs) return best
  const graph = await buildGraph(table, onAdded)
  const byGraph = tryGraph(graph, yardstick)
  if (byGraph === null) return { ...best, graph }
  best = { ...best, graph, msPerQuery: { ...best.msPerQuery, hnsw: byGraph.ms } }
  return bestMs - byGraph.ms > worthwhileMs ? { ...best, search: byGraph.search } : best
}

interface PcaTrial { readonly search: SearchManifest, readonly ms: number, readonly coarse: Pca }

function tryPca (place: TableMemory, table: VectorTable, vectors: Uint32Array, yardstick: Yardstick): PcaTrial | null {
  const { count, dims } = table
  const axes = principalComponents(table)
  const first = Uint32Array.from({ length: count + 1 }, (_, row) => row)
  const found = new Map<number, PcaTrial>()
  for (const kept of DIMS_LADDER.filter(kept => kept <= dims * 3 / 4)) {
    const coarse = createPca(table, axes, kept)
    for (const candidates of CANDIDATES.filter(candidates => !found.has(candidates))) {
      const search = createSearcher({ vectors: place, entityRows: vectors, first, pca: { ...coarse, candidates } })
      const { recallAt10, surely } = recall(yardstick, query => search(query, K).rows)
      if (surely >= ACCEPTED_RECALL) found.set(candidates, { search: { kind: 'pca', dims: kept, candidates, recallAt10 }, ms: undisturbedMs(yardstick.queries, query => search(query, K)), coarse })
    }
    if (found.has(CANDIDATES[0]!)) break
  }
  return [...found.values()].reduce<PcaTrial | null>((best, trial) => best === null || trial.ms < best.ms ? trial : best, null)
}

function tryGraph (graph: Graph, yardstick: Yardstick): { search: SearchManifest, ms: number } | null {
  for (const ef of EF_LADDER) {
    const { recallAt10, surely } = recall(yardstick, query => graph.search(query, K, ef).labels)
    if (surely < ACCEPTED_RECALL) continue
    return { search: { kind: 'hnsw', ...GRAPH_PLAN, ef, recallAt10 }, ms: undisturbedMs(yardstick.queries, query => graph.search(query, K, ef)) }
  }
  return null
}

async function buildGraph (table: VectorTable, onAdded: (done: number) => void): Promise<Graph> {
  const graph = createGraph(table.dims, table.count, GRAPH_PLAN)
  const vector = new Float32Array(table.dims)
  for (let row = 0; row < table.count; row++) {
    graph.add(row, table.read(row, vector))
    if (row % 64 !== 63 && row !== table.count - 1) continue
    onAdded(row + 1)
    await new Promise(resolve => { setImmediate(resolve) })
  }
  return graph
}

function makeQueries (table: VectorTable, similarity: number): Float32Array[] {
  const random = createRandom(SEED)
  return Array.from({ length: Math.min(QUERIES, table.count) }, () => perturb(table.read(Math.floor(random() * table.count), new Float32Array(table.dims)), similarity, random))
}

/** `surely`: two standard errors below, so that other queries reach it too and not by luck those alone that chose. */
function recall ({ queries, right }: Yardstick, search: (query: Float32Array) => Iterable<number>): { recallAt10: number, surely: number } {
  const shares = queries.map((query, i) => [...search(query)].filter(label => right[i]!.has(label)).length / right[i]!.size)
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length
  const variance = shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / (shares.length - 1)
  return { recallAt10: mean, surely: mean - 2 * Math.sqrt(variance / shares.length) }
}

/** Time of a query that nothing else on the machine disturbed: the tenth percentile, ms. */
function undisturbedMs (queries: readonly Float32Array[], search: (query: Float32Array) => unknown): number {
  const times = queries.map(query => {
    const start = performance.now()
    search(query)
    return performance.now() - start
  }).sort((a, b) => a - b)
  return Number((times[Math.floor(times.length / 10)] ?? 0).toFixed(3))
}
