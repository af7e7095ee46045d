// References that contradict each other: two entities with nearly the same face.
import type { Pca } from '../search/pca.ts'
import type { Graph } from '../search/hnsw.ts'
import { openTable, type VectorTable } from '../search/vector-table.ts'
import { dot } from '../../math/vector.ts'

/** Two vectors of different entities, by their places. */
export interface DuplicatePair { readonly a: number, readonly b: number, readonly similarity: number }

/**
 * From here on, cosine: photos of one person are seldom nearer to each other, and of two people hardly ever. It may be
 * the same photo, one person under two ids, or the wrong photo.
 */
export const DUPLICATE_FROM = 0.7

/** So many are reported, the most alike first. */
const MOST = 1000
const NEIGHBOURS = 10
const EF = 48
/** Similarities of coarse copies are rounded, by less than this. */
const COARSE_ERROR = 0.01

/**
 * Compares each vector with all behind it: by the graph where there is one, which finds near ones surely; else in full
 * or, where there is a coarse copy, in full only those that may be near by what it shows.
 *
 * @param entityRows entity row of each vector.
 */
export async function findDuplicateFaces (table: VectorTable, entityRows: Uint32Array, { graph, coarse }: { readonly graph: Graph | null, readonly coarse: Pca | null }, onDone: (done: number) => void = () => {}): Promise<DuplicatePair[]> {
  const found = createFound()
  const query = new Float32Array(table.dims)
  const nearBehind = graph !== null ? byGraph(graph) : coarse !== null ? byCoarse(table, coarse) : byScan(table)
  for (let a = 0; a < table.count; a++) {
    table.read(a, query)
    nearBehind(a, query, found.least(), (b, similarity) => { if (entityRows[a] !== entityRows[b]) found.offer({ a: Math.min(a, b), b: Math.max(a, b), similarity }) })
    if (a % 256 !== 255) continue
    onDone(a + 1)
    await new Promise(resolve => { setImmediate(resolve) })
  }
  onDone(table.count)
  return found.best()
}

type NearBehind = (a: number, query: Float32Array, least: number, offer: (b: number, similarity: number) => void) => void

function byGraph (graph: Graph): NearBehind {
  return (a, query, least, offer) => {
    const { labels, similarities } = graph.search(query, NEIGHBOURS, EF)
    labels.forEach((b, i) => { if (b !== a && similarities[i]! >= least) offer(b, similarities[i]!) })
  }
}

function byScan (table: VectorTable): NearBehind {
  return (a, query, least, offer) => {
    const similarities = table.scan(query, a)
    for (const b of table.above(least, a + 1)) offer(b, similarities[b]!)
  }
}

/** What the coarse copies do not show of two vectors adds at most the product of what is missing of their lengths. */
function byCoarse (table: VectorTable, { codes: place, components: axes }: Pca): NearBehind {
  const own = openTable(place)
  const steps = axisLengths(axes, place.dims)
  const seen = new Float32Array(place.dims)
  const read = (row: number): Float32Array => own.read(row, seen).map((code, i) => code * steps[i]! ** 2)
  const missing = new Float32Array(table.count)
  let most = 0
  for (let row = 0; row < table.count; row++) {
    const v = own.read(row, seen)
    let squares = 0
    for (let i = 0; i < v.length; i++) squares += (v[i]! * steps[i]!) ** 2
    missing[row] = Math.sqrt(Math.max(0, 1 - squares))
    most = Math.max(most, missing[row]!)
  }
  return (a, query, least, offer) => {
    const shown = own.scan(read(a), a)
    const worth = least - missing[a]! * most - COARSE_ERROR
    const near = own.above(worth, a + 1).filter(b => shown[b]! + missing[a]! * missing[b]! + COARSE_ERROR >= least)
    const similarities = table.scanSome(query, near)
    near.forEach((b, i) => { if (similarities[i]! >= least) offer(b, similarities[i]!) })
  }
}

/** What one step along each axis stands for. */
function axisLengths (axes: Float32Array, count: number): Float32Array {
  const dims = axes.length / count
  return Float32Array.from({ length: count }, (_, i) => {
    const axis = axes.subarray(i * dims, (i + 1) * dims)
    return Math.sqrt(dot(axis, axis))
  })
}

const byLikeness = (x: DuplicatePair, y: DuplicatePair): number => y.similarity - x.similarity || x.a - y.a || x.b - y.b

/** Holds the best MOST, each pair once, and never many more: among made-up or copied photos there may be millions. */
function createFound (): { least: () => number, offer: (pair: DuplicatePair) => void, best: () => DuplicatePair[] } {
  let pairs = new Map<string, DuplicatePair>()
  let least = DUPLICATE_FROM
  const best = (): DuplicatePair[] => [...pairs.values()].sort(byLikeness).slice(0, MOST)
  return {
    least: () => least,
    best,
    offer (pair) {
      pairs.set(`${pair.a} ${pair.b}`, pair)
      if (pairs.size < 8 * MOST) return
      const kept = best()
      pairs = new Map(kept.map(one => [`${one.a} ${one.b}`, one]))
      least = kept.at(-1)!.similarity
    }
  }
}
