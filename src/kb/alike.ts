// References that contradict each other: two entities with nearly the same face.
import type { Graph } from './hnsw-index.ts'
import type { VectorTable } from './vectors.ts'

/** Two vectors of different entities, by their places. */
export interface Alike { readonly a: number, readonly b: number, readonly similarity: number }

/**
 * From here on, cosine: photos of one person are seldom nearer to each other, and of two people hardly ever. It may be
 * the same photo, one person under two ids, or the wrong photo.
 */
export const ALIKE_FROM = 0.7

/** So many are reported, the most alike first. */
const MOST = 1000
/** Above, neighbours come from the graph: near ones are what it finds surely. */
const FEW_VECTORS = 10_000
const NEIGHBOURS = 10
const EF = 48

/** @param entityRows entity row of each vector. @param graph may be null where there are few vectors. */
export async function findAlike (table: VectorTable, entityRows: Uint32Array, graph: Graph | null, onDone: (done: number) => void = () => {}): Promise<Alike[]> {
  const found: Alike[] = []
  const query = new Float32Array(table.dims)
  const offer = (a: number, b: number, similarity: number): void => {
    if (similarity >= ALIKE_FROM && entityRows[a] !== entityRows[b]) found.push({ a: Math.min(a, b), b: Math.max(a, b), similarity })
  }
  for (let a = 0; a < table.count; a++) {
    table.read(a, query)
    if (graph !== null && table.count > FEW_VECTORS) {
      const near = graph.search(query, NEIGHBOURS, EF)
      near.labels.forEach((b, i) => { offer(a, b, near.similarities[i]!) })
    } else {
      const similarities = table.scan(query)
      for (let b = a + 1; b < table.count; b++) if (similarities[b]! >= ALIKE_FROM) offer(a, b, similarities[b]!)
    }
    if (a % 256 !== 255) continue
    onDone(a + 1)
    await new Promise(resolve => { setImmediate(resolve) })
  }
  const once = new Map(found.map(pair => [`${pair.a} ${pair.b}`, pair]))
  return [...once.values()].sort((x, y) => y.similarity - x.similarity || x.a - y.a || x.b - y.b).slice(0, MOST)
}
