// HNSW graphs by hnswlib-node, which only this file imports, when a graph is needed: it is compiled at installation, and an
// installation without scripts serves indexes without a graph. Distances become similarities here.
// @see Malkov and Yashunin 2018, "Efficient and robust approximate nearest neighbor search using HNSW graphs"
import type { HierarchicalNSW } from 'hnswlib-node'
import { errors } from '../../errors.ts'

export interface GraphPlan {
  /** Links of a vector in the upper layers; twice that number in the lowest. */
  readonly M: number
  /** Size of the candidate list while building. */
  readonly efConstruction: number
  readonly seed: number
}

/** The label of a vector is its row. */
export interface Graph {
  readonly count: number
  /** The approximate `k` nearest vectors, best first. @param ef size of the candidate list; at least `k` is used. */
  search: (query: Float32Array, k: number, ef: number) => { labels: number[], similarities: number[] }
  write: (path: string) => Promise<void>
}

export type GrowingGraph = Graph & { add: (label: number, vector: Float32Array) => void }

/**
 * An empty graph for `count` vectors. `add` takes milliseconds and is synchronous: call it off the event loop.
 *
 * @throws VEL_ERR_INPUT where hnswlib-node was not compiled.
 */
export async function createGraph (dims: number, count: number, plan: GraphPlan): Promise<GrowingGraph> {
  const index = await emptyIndex(dims)
  index.initIndex(count, plan.M, plan.efConstruction, plan.seed)
  return Object.assign(wrap(index), { add: (label: number, vector: Float32Array) => { index.addPoint(Array.from(vector), label) } })
}

/** @throws VEL_ERR_INPUT where hnswlib-node was not compiled. */
export async function readGraph (path: string, dims: number): Promise<Graph> {
  const index = await emptyIndex(dims)
  await index.readIndex(path)
  return wrap(index)
}

async function emptyIndex (dims: number): Promise<HierarchicalNSW> {
  const library = await import('hnswlib-node').catch((error: unknown) => {
    const reason = (error as Error).message.split('\n')[0]!
    throw errors.input('hnswlib-node for an index with an HNSW graph', `${reason}; run \`npm rebuild hnswlib-node\`, which compiles it`)
  })
  return new library.default.HierarchicalNSW('ip', dims)
}

function wrap (index: HierarchicalNSW): Graph {
  return {
    get count () { return index.getCurrentCount() },
    search (query, k, ef) {
      index.setEf(Math.max(ef, k))
      // NOTE: hnswlib-node takes plain arrays only and returns distances: 1 - inner product.
      const found = index.searchKnn(Array.from(query), Math.min(k, index.getCurrentCount()))
      return { labels: found.neighbors, similarities: found.distances.map(distance => 1 - distance) }
    },
    write: async path => { await index.writeIndex(path) }
  }
}
