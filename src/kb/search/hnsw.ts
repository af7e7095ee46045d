// The only file that knows hnswlib-node: a graph over vectors, whose distances become similarities here.
import hnswlib, { type HierarchicalNSW } from 'hnswlib-node'

export interface GraphPlan {
  /** Links of a vector in the upper layers; twice as many in the lowest. */
  readonly M: number
  /** Size of the candidate list while building. */
  readonly efConstruction: number
  readonly seed: number
}

/** A graph; a vector's label is its place in the vector file. */
export interface Graph {
  readonly count: number
  /** The `k` nearest vectors as the graph finds them with candidate list size `ef`, best first. */
  search: (query: Float32Array, k: number, ef: number) => { labels: number[], similarities: number[] }
  write: (path: string) => Promise<void>
}

/** An empty graph for `count` vectors. `add` is synchronous and slow (milliseconds): build off the event loop. */
export function createGraph (dims: number, count: number, plan: GraphPlan): Graph & { add: (label: number, vector: Float32Array) => void } {
  const index = new hnswlib.HierarchicalNSW('ip', dims)
  index.initIndex(count, plan.M, plan.efConstruction, plan.seed)
  return Object.assign(wrap(index), { add: (label: number, vector: Float32Array) => { index.addPoint(Array.from(vector), label) } })
}

export async function readGraph (path: string, dims: number): Promise<Graph> {
  const index = new hnswlib.HierarchicalNSW('ip', dims)
  await index.readIndex(path)
  return wrap(index)
}

function wrap (index: HierarchicalNSW): Graph {
  return {
    get count () { return index.getCurrentCount() },
    search (query, k, ef) {
      index.setEf(Math.max(ef, k))
      // NOTE: hnswlib-node takes a plain array only, and gives distances: 1 - inner product.
      const found = index.searchKnn(Array.from(query), Math.min(k, index.getCurrentCount()))
      return { labels: found.neighbors, similarities: found.distances.map(distance => 1 - distance) }
    },
    write: async path => { await index.writeIndex(path) }
  }
}
