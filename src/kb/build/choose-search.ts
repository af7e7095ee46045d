// Chooses how an index is searched, by measuring flat search, PCA with rescoring, and HNSW.
import { setImmediate } from 'node:timers/promises'
import { createPca, principalComponents, type Pca } from '../search/pca.ts'
import { searchFlat } from '../search/flat.ts'
import type { SearchManifest, SpaceManifest } from '../storage/manifest.ts'
import { createGraph, type Graph, type GraphPlan } from '../search/hnsw.ts'
import { createRandom, perturb } from '../../math/random.ts'
import { createSearcher } from '../search/searcher.ts'
import { openTable, type TableMemory, type VectorTable } from '../search/vector-table.ts'

/** M 16 and efConstruction 200 are the defaults of hnswlib; `ef`, which is measured, sets the recall. */
export const GRAPH_PLAN: GraphPlan = { M: 16, efConstruction: 200, seed: 100 }

const ACCEPTED_RECALL = 0.99
const EF_LADDER = [16, 32, 64, 96, 128, 192, 256, 384, 512, 768, 1024]
const DIMS_LADDER = [32, 64, 96, 128, 192, 256, 384]
/** Few candidates need more components, many need more rescoring: the vectors decide which is faster. */
const CANDIDATES = [200, 1000]
const K = 10
const QUERIES = 400
/** Cosine of a query to the vector it was made from: that of two photos of one person, and of a picture to its text. */
const FACE_SIMILARITY = 0.6
export const TEXT_SIMILARITY = 0.3
const SEED = 2
/** Smaller tables are always searched flat: that takes less than a millisecond. */
export const FEW_VECTORS = 2000
/** Least gain that justifies the file, the memory and the misses of PCA or of a graph, ms a query. */
const WORTHWHILE_MS = 1
/** A graph takes minutes to build: it is tried where the other searches take longer than this, ms a query. */
const SLOW_MS = 15

export interface SearchChoice {
  readonly search: SearchManifest
  readonly msPerQuery: SpaceManifest['msPerQuery']
  /** Made for the measurement; null where not tried. `search` may be another kind. */
  readonly pca: Pca | null
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

/** Queries, and the K nearest rows of each by flat search. */
interface GroundTruth { readonly queries: readonly Float32Array[], readonly nearest: ReadonlyArray<ReadonlySet<number>> }

/**
 * Measures recall@10 against flat search, with perturbed vectors as queries, and time a query, of each search that may be
 * worthwhile, and takes the first that is fast enough, else the fastest. PCA gets the smallest number of components that reaches
 * a recall of 0.99 with few or with many candidates, whichever is faster; HNSW gets the smallest ef. Blocks the thread for long:
 * call it in a child process.
 */
export async function chooseSearch (memory: TableMemory, options: ChoiceOptions = {}): Promise<SearchChoice> {
  const { onAdded = () => {}, querySimilarity = FACE_SIMILARITY, worthwhileMs = WORTHWHILE_MS, slowMs = SLOW_MS } = options
  const table = openTable(memory)
  const rows = Uint32Array.from({ length: table.count }, (_, row) => row)
  const queries = makeQueries(table, querySimilarity)
  const flatMs = p10Ms(queries, query => searchFlat(table, rows, query, K))
  let best: SearchChoice = { search: { kind: 'exact' }, msPerQuery: { exact: flatMs }, pca: null, graph: null }
  let bestMs = flatMs
  if (table.count < FEW_VECTORS || flatMs <= worthwhileMs) return best
  const truth = { queries, nearest: queries.map(query => new Set(searchFlat(table, rows, query, K).rows)) }
  const pcaTrial = tryPca(memory, table, rows, truth)
  if (pcaTrial !== null) {
    const { ms, pca, search } = pcaTrial
    best = { ...best, pca, msPerQuery: { ...best.msPerQuery, pca: ms } }
    if (bestMs - ms > worthwhileMs) [best, bestMs] = [{ ...best, search }, ms]
  }
  if (bestMs <= slowMs) return best
  const graph = await buildGraph(table, onAdded)
  const graphTrial = tryGraph(graph, truth)
  if (graphTrial === null) return { ...best, graph }
  best = { ...best, graph, msPerQuery: { ...best.msPerQuery, hnsw: graphTrial.ms } }
  return bestMs - graphTrial.ms > worthwhileMs ? { ...best, search: graphTrial.search } : best
}

interface PcaTrial { readonly search: SearchManifest, readonly ms: number, readonly pca: Pca }

function tryPca (memory: TableMemory, table: VectorTable, rows: Uint32Array, truth: GroundTruth): PcaTrial | null {
  const { count, dims } = table
  const components = principalComponents(table)
  const first = Uint32Array.from({ length: count + 1 }, (_, row) => row)
  const found = new Map<number, PcaTrial>()
  for (const kept of DIMS_LADDER.filter(kept => kept <= dims * 3 / 4)) {
    const pca = createPca(table, components, kept)
    for (const candidates of CANDIDATES.filter(candidates => !found.has(candidates))) {
      const search = createSearcher({ vectors: memory, entityRows: rows, first, pca: { ...pca, candidates } })
      const { recallAt10, lowerBound } = recall(truth, query => search(query, K).rows)
      if (lowerBound < ACCEPTED_RECALL) continue
      const ms = p10Ms(truth.queries, query => search(query, K))
      found.set(candidates, { search: { kind: 'pca', dims: kept, candidates, recallAt10 }, ms, pca })
    }
    if (found.has(CANDIDATES[0]!)) break
  }
  return [...found.values()].reduce<PcaTrial | null>((best, trial) => best === null || trial.ms < best.ms ? trial : best, null)
}

function tryGraph (graph: Graph, truth: GroundTruth): { search: SearchManifest, ms: number } | null {
  for (const ef of EF_LADDER) {
    const { recallAt10, lowerBound } = recall(truth, query => graph.search(query, K, ef).labels)
    if (lowerBound < ACCEPTED_RECALL) continue
    const ms = p10Ms(truth.queries, query => graph.search(query, K, ef))
    return { search: { kind: 'hnsw', ...GRAPH_PLAN, ef, recallAt10 }, ms }
  }
  return null
}

async function buildGraph (table: VectorTable, onAdded: (done: number) => void): Promise<Graph> {
  const graph = await createGraph(table.dims, table.count, GRAPH_PLAN)
  const vector = new Float32Array(table.dims)
  for (let row = 0; row < table.count; row++) {
    graph.add(row, table.read(row, vector))
    if (row % 64 !== 63 && row !== table.count - 1) continue
    onAdded(row + 1)
    await setImmediate()
  }
  return graph
}

function makeQueries (table: VectorTable, similarity: number): Float32Array[] {
  const random = createRandom(SEED)
  return Array.from({ length: Math.min(QUERIES, table.count) }, () => {
    const vector = table.read(Math.floor(random() * table.count), new Float32Array(table.dims))
    return perturb(vector, similarity, random)
  })
}

interface Recall {
  readonly recallAt10: number
  /** Two standard errors below, so that the recall holds for other queries too. */
  readonly lowerBound: number
}

function recall ({ queries, nearest }: GroundTruth, search: (query: Float32Array) => Iterable<number>): Recall {
  const shares = queries.map((query, i) => [...search(query)].filter(row => nearest[i]!.has(row)).length / nearest[i]!.size)
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length
  const variance = shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / (shares.length - 1)
  return { recallAt10: mean, lowerBound: mean - 2 * Math.sqrt(variance / shares.length) }
}

/** Tenth percentile of the time of a query, ms: other load on the machine hardly changes it. */
function p10Ms (queries: readonly Float32Array[], search: (query: Float32Array) => unknown): number {
  const times = queries.map(query => {
    const start = performance.now()
    search(query)
    return performance.now() - start
  }).sort((a, b) => a - b)
  return Number((times[Math.floor(times.length / 10)] ?? 0).toFixed(3))
}
