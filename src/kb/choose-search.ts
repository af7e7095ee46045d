// How an index is searched: by comparing everything, or by a graph whose recall was measured.
import { searchExact } from './exact.ts'
import type { SearchManifest, SpaceManifest } from './format.ts'
import { createGraph, type Graph, type GraphPlan } from './hnsw-index.ts'
import { createRandom, perturb } from './random.ts'
import type { VectorTable } from './vectors.ts'

/** M 16 and efConstruction 200 are hnswlib's own defaults; recall is set by ef, which is measured. */
export const GRAPH_PLAN: GraphPlan = { M: 16, efConstruction: 200, seed: 100 }

const ACCEPTED_RECALL = 0.99
const EF_LADDER = [16, 32, 64, 96, 128, 192, 256, 384, 512, 768, 1024]
const K = 10
const QUERIES = 400
/** Queries are as near to their vector as two photos of one person. */
const QUERY_SIMILARITY = 0.6
const SEED = 2
/** No graph is tried below: comparing everything takes less than a millisecond. */
export const FEW_VECTORS = 2000
/** A graph must save more than this to be worth its file, its memory and what it misses, ms a query. */
const WORTHWHILE_MS = 2

export interface SearchChoice {
  readonly search: SearchManifest
  readonly msPerQuery: SpaceManifest['msPerQuery']
  /** The graph to write, where search is HNSW. */
  readonly graph: Graph | null
  /** The graph that was measured, also where it was not worth it. */
  readonly tried: Graph | null
}

/**
 * Builds a graph (each insertion is synchronous: run it in a process of its own), measures recall@10 against exact search on held-back perturbed vectors for growing ef, and times both.
 *
 * @param onAdded vectors in the graph so far.
 * @param worthwhileMs what a graph must save at least, ms a query.
 */
export async function chooseSearch (table: VectorTable, onAdded: (done: number) => void = () => {}, worthwhileMs = WORTHWHILE_MS): Promise<SearchChoice> {
  const queries = makeQueries(table)
  const vectors = Uint32Array.from({ length: table.count }, (_, row) => row)
  const exactMs = undisturbedMs(queries, query => searchExact(table, vectors, query, K))
  const exact: SearchChoice = { search: { kind: 'exact' }, msPerQuery: { exact: exactMs }, graph: null, tried: null }
  if (table.count < FEW_VECTORS) return exact
  const graph = await buildGraph(table, onAdded)
  const right = queries.map(query => new Set(searchExact(table, vectors, query, K).rows))
  for (const ef of EF_LADDER) {
    const { recallAt10, surely } = recall(queries, right, query => graph.search(query, K, ef).labels)
    if (surely < ACCEPTED_RECALL) continue
    const hnswMs = undisturbedMs(queries, query => graph.search(query, K, ef))
    const msPerQuery = { exact: exactMs, hnsw: hnswMs }
    return exactMs - hnswMs <= worthwhileMs ? { ...exact, msPerQuery, tried: graph } : { search: { kind: 'hnsw', ...GRAPH_PLAN, ef, recallAt10 }, msPerQuery, graph, tried: graph }
  }
  return { ...exact, tried: graph }
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

function makeQueries (table: VectorTable): Float32Array[] {
  const random = createRandom(SEED)
  return Array.from({ length: Math.min(QUERIES, table.count) }, () => perturb(table.read(Math.floor(random() * table.count), new Float32Array(table.dims)), QUERY_SIMILARITY, random))
}

/** `surely`: two standard errors below, so that other queries reach it too and not by luck those alone that chose ef. */
function recall (queries: readonly Float32Array[], right: ReadonlyArray<ReadonlySet<number>>, search: (query: Float32Array) => number[]): { recallAt10: number, surely: number } {
  const shares = queries.map((query, i) => search(query).filter(label => right[i]!.has(label)).length / right[i]!.size)
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
