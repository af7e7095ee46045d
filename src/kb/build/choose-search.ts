// Chooses how an index is searched: by the number of vectors and by recall, never by the clock, so that two machines make the
// same index of one input.
import { setImmediate } from 'node:timers/promises'
import { errors } from '../../errors.ts'
import { drawPhoto, drawStranger, meanOf } from '../../math/face-like.ts'
import { createRandom, perturb } from '../../math/random.ts'
import { searchFlat, searchSubset } from '../search/flat.ts'
import { createGraph, type Graph, type GraphPlan } from '../search/hnsw.ts'
import { createPca, principalComponents, project, type Pca, type PrincipalComponents } from '../search/pca.ts'
import { createSearcher, searchGraph } from '../search/searcher.ts'
import type { SearchManifest } from '../storage/manifest.ts'
import { openTable, type TableMemory, type VectorTable } from '../search/vector-table.ts'

/** `auto`: flat below FLAT_BELOW vectors, else a graph, PCA where the graph does not reach the recall, flat where neither does. */
export const SEARCH_KINDS = ['auto', 'flat', 'pca', 'hnsw'] as const

export type SearchKind = typeof SEARCH_KINDS[number]

/** More links need more memory and find more; on vectors like faces they are worth more than a larger `efConstruction`. */
export const GRAPH_PLAN: GraphPlan = { M: 32, efConstruction: 100, seed: 100 }

/** Flat search over this many faces takes about as long as the rest of one face's linking. */
const FLAT_BELOW = 20_000
/** Fewer vectors are always searched flat: there is nothing to gain. */
export const FEW_VECTORS = 2000
/** Wanted recall@10: for other photos of stored people, and for strangers, whose neighbours are far and nearly equally far. */
const WANTED = { photos: 0.99, strangers: 0.985 }
/** The graph is over the fewest components, in steps, that hold this share of the second moment. */
const KEPT_MOMENT = 0.98
const COMPONENT_STEP = 16
const EF_LADDER = [200, 300, 400, 600, 800, 1200, 1600]
/** Vectors that the graph's search compares in full: its order by components is not the order by cosine. */
const GRAPH_CANDIDATES = 50
const DIMS_LADDER = [64, 96, 128, 192, 256, 384]
const PCA_CANDIDATES = [200, 1000]
const K = 10
const QUERIES = 400
/** Cosine of a picture to the text of its person. */
export const TEXT_SIMILARITY = 0.3
const SEED = 2

export interface SearchChoice {
  readonly search: SearchManifest
  /** Of the chosen search; null otherwise. */
  readonly pca: Pca | null
  readonly graph: BuiltGraph | null
  /** Why it is another search than was asked for; absent otherwise. */
  readonly note?: string
}

export interface BuiltGraph {
  readonly graph: Graph
  /** float32 `[kept, dims]`, orthonormal rows. */
  readonly components: Float32Array
}

export interface ChoiceOptions {
  readonly kind?: SearchKind
  /** Vectors in the graph so far. */
  readonly onAdded?: (done: number) => void
  /** Vectors of texts: queries are as far from them as pictures are. */
  readonly texts?: boolean
}

/** Queries, and the K nearest rows of each by flat search. */
interface GroundTruth { readonly queries: readonly Float32Array[], readonly nearest: ReadonlyArray<ReadonlySet<number>> }

interface Truths { readonly photos: GroundTruth, readonly strangers: GroundTruth | null }

/**
 * Measures recall@10 against flat search and takes the smallest beam, or number of components, that reaches what is wanted.
 * Blocks the thread for long: call it in a child process.
 *
 * @throws VEL_ERR_INPUT for a search that was asked for and does not reach the recall.
 */
export async function chooseSearch (memory: TableMemory, options: ChoiceOptions = {}): Promise<SearchChoice> {
  const { kind = 'auto', onAdded = () => {}, texts = false } = options
  const flat: SearchChoice = { search: { kind: 'exact' }, pca: null, graph: null }
  if (kind === 'flat' || (kind === 'auto' && memory.count < FLAT_BELOW)) return flat
  if (memory.count < FEW_VECTORS) {
    return { ...flat, note: `${memory.count} vectors are searched flat: with fewer than ${FEW_VECTORS} there is nothing to gain` }
  }
  const table = openTable(memory)
  const principal = principalComponents(table)
  const truths = truthsOf(table, principal, texts)
  const graph = kind === 'pca' ? null : await tryGraph(table, principal, truths, onAdded)
  if (graph !== null) return graph
  const pca = kind === 'hnsw' ? null : tryPca(memory, table, principal, truths)
  if (pca !== null) return pca
  if (kind === 'auto') return flat
  const wanted = `a recall@10 of ${WANTED.photos} by ${kind}`
  throw errors.input(wanted, 'less with every setting: these vectors have no principal components to search by; use --search flat')
}

async function tryGraph (
  table: VectorTable, { components, moments }: PrincipalComponents, truths: Truths, onAdded: (done: number) => void
): Promise<SearchChoice | null> {
  const { dims, count } = table
  const kept = componentsHolding(KEPT_MOMENT, moments)
  // Over most of the components a graph costs more than it saves.
  if (kept > dims / 2) return null
  const first = components.slice(0, kept * dims)
  const graph = await buildGraph(table, first, onAdded)
  const rows = rowsOf(count)
  for (const ef of EF_LADDER) {
    const find = searchGraph(graph, first, ef)
    const reached = recalls(truths, query => searchSubset(table, rows, find(query, GRAPH_CANDIDATES), query, K).rows)
    if (reached === null) continue
    const search: SearchManifest = { kind: 'hnsw', dims: kept, candidates: GRAPH_CANDIDATES, ...GRAPH_PLAN, ef, ...reached }
    return { search, pca: null, graph: { graph, components: first } }
  }
  return null
}

/** The fewest components, in steps of COMPONENT_STEP, that hold `share` of all; more than there are where none does. */
function componentsHolding (share: number, moments: Float64Array): number {
  const all = moments.reduce((a, b) => a + b, 0)
  let held = 0
  let kept = 0
  while (kept < moments.length && held < share * all) held += moments[kept++]!
  return Math.ceil(kept / COMPONENT_STEP) * COMPONENT_STEP
}

function tryPca (memory: TableMemory, table: VectorTable, { components }: PrincipalComponents, truths: Truths): SearchChoice | null {
  const entityRows = rowsOf(table.count)
  const first = rowsOf(table.count + 1)
  for (const dims of DIMS_LADDER.filter(dims => dims <= table.dims * 3 / 4)) {
    const pca = createPca(table, components, dims)
    for (const candidates of PCA_CANDIDATES) {
      const search = createSearcher({ vectors: memory, entityRows, first, pca: { ...pca, candidates } })
      const reached = recalls(truths, query => search(query, K).rows)
      if (reached !== null) return { search: { kind: 'pca', dims, candidates, ...reached }, pca, graph: null }
    }
  }
  return null
}

const rowsOf = (count: number): Uint32Array => Uint32Array.from({ length: count }, (_, row) => row)

async function buildGraph (table: VectorTable, components: Float32Array, onAdded: (done: number) => void): Promise<Graph> {
  const kept = components.length / table.dims
  const graph = await createGraph(kept, table.count, GRAPH_PLAN)
  const vector = new Float32Array(table.dims)
  const projected = new Float32Array(kept)
  for (let row = 0; row < table.count; row++) {
    graph.add(row, project(components, table.read(row, vector), projected))
    if (row % 64 !== 63 && row !== table.count - 1) continue
    onAdded(row + 1)
    await setImmediate()
  }
  return graph
}

function truthsOf (table: VectorTable, { components, moments }: PrincipalComponents, texts: boolean): Truths {
  const random = createRandom(SEED)
  const draw = (make: () => Float32Array): GroundTruth => {
    const queries = Array.from({ length: Math.min(QUERIES, table.count) }, make)
    const rows = rowsOf(table.count)
    return { queries, nearest: queries.map(query => new Set(searchFlat(table, rows, query, K).rows)) }
  }
  const stored = (): Float32Array => table.read(Math.floor(random() * table.count), new Float32Array(table.dims))
  if (texts) return { photos: draw(() => perturb(stored(), TEXT_SIMILARITY, random)), strangers: null }
  const mean = meanOf(table)
  return {
    photos: draw(() => drawPhoto(stored(), components, moments, random)),
    strangers: draw(() => drawStranger(table, mean, random))
  }
}

type Recalls = Pick<Extract<SearchManifest, { kind: 'hnsw' }>, 'recallAt10' | 'recallOfStrangers'>

/** @returns null where less than wanted is reached. */
function recalls ({ photos, strangers }: Truths, search: (query: Float32Array) => Iterable<number>): Recalls | null {
  const ofPhotos = recall(photos, search)
  if (ofPhotos < WANTED.photos) return null
  if (strangers === null) return { recallAt10: ofPhotos }
  const ofStrangers = recall(strangers, search)
  return ofStrangers < WANTED.strangers ? null : { recallAt10: ofPhotos, recallOfStrangers: ofStrangers }
}

function recall ({ queries, nearest }: GroundTruth, search: (query: Float32Array) => Iterable<number>): number {
  const shares = queries.map((query, i) => [...search(query)].filter(row => nearest[i]!.has(row)).length / nearest[i]!.size)
  return shares.reduce((sum, share) => sum + share, 0) / shares.length
}
