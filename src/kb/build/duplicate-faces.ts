// Contradicting references: nearly the same face for two entities.
import { setImmediate } from 'node:timers/promises'
import type { Pca } from '../search/pca.ts'
import type { BuiltGraph } from './choose-search.ts'
import { searchGraph } from '../search/searcher.ts'
import { openTable, type VectorTable } from '../search/vector-table.ts'
import { dot } from '../../math/vector.ts'

/** Rows of two vectors of different entities, a < b, and their cosine. */
export interface DuplicatePair { readonly a: number, readonly b: number, readonly similarity: number }

/**
 * Smallest cosine of a pair. Few photos of one person reach it, and almost none of two people: it is the same photo, one person
 * under two ids, or a wrong photo.
 */
export const DUPLICATE_FROM = 0.7

/** Pairs that are reported, the most similar first. */
const MAX_PAIRS = 1000
const NEIGHBOURS = 10
const EF = 32
/** Upper bound of the rounding error of a cosine between PCA codes. */
const PCA_ERROR = 0.01
/** Vectors between two turns of the event loop. */
const VECTORS_PER_TURN = 256

/**
 * Compares each vector with all vectors behind it. A graph, where there is one, answers alone: it finds near vectors almost
 * surely. With PCA, only vectors that can reach the threshold by their components are compared in full. Otherwise all are.
 *
 * @param entityRows entity row of each vector.
 */
export async function findDuplicateFaces (
  table: VectorTable,
  entityRows: Uint32Array,
  { graph, pca }: { readonly graph: BuiltGraph | null, readonly pca: Pca | null },
  onDone: (done: number) => void = () => {}
): Promise<DuplicatePair[]> {
  const pairs = createPairs()
  const query = new Float32Array(table.dims)
  const findNear = graph !== null ? withGraph(table, graph) : pca !== null ? withPca(table, pca) : withScan(table)
  for (let a = 0; a < table.count; a++) {
    table.read(a, query)
    findNear(a, query, pairs.least(), (b, similarity) => {
      if (entityRows[a] !== entityRows[b]) pairs.offer({ a: Math.min(a, b), b: Math.max(a, b), similarity })
    })
    if (a % VECTORS_PER_TURN !== VECTORS_PER_TURN - 1) continue
    onDone(a + 1)
    await setImmediate()
  }
  onDone(table.count)
  return pairs.best()
}

/** Offers vectors `b` whose cosine to vector `a`, decoded as `query`, is at least `least`. */
type FindNear = (a: number, query: Float32Array, least: number, offer: (b: number, similarity: number) => void) => void

function withGraph (table: VectorTable, { graph, components }: BuiltGraph): FindNear {
  const find = searchGraph(graph, components, EF)
  return (a, query, least, offer) => {
    const near = find(query, NEIGHBOURS)
    const similarities = table.scanSome(query, near)
    near.forEach((b, i) => { if (b !== a && similarities[i]! >= least) offer(b, similarities[i]!) })
  }
}

function withScan (table: VectorTable): FindNear {
  return (a, query, least, offer) => {
    const similarities = table.scan(query, a)
    for (const b of table.above(least, a + 1)) offer(b, similarities[b]!)
  }
}

/**
 * By the Cauchy-Schwarz inequality, the components that were left out add at most the product of the two residual norms to the
 * cosine of the components that were kept.
 */
function withPca (table: VectorTable, { codes, components }: Pca): FindNear {
  const codeTable = openTable(codes)
  const steps = stepSizes(components, codes.dims)
  const buffer = new Float32Array(codes.dims)
  const asQuery = (row: number): Float32Array => codeTable.read(row, buffer).map((code, i) => code * steps[i]! ** 2)
  const residuals = new Float32Array(table.count)
  let largest = 0
  for (let row = 0; row < table.count; row++) {
    const v = codeTable.read(row, buffer)
    let squares = 0
    for (let i = 0; i < v.length; i++) squares += (v[i]! * steps[i]!) ** 2
    residuals[row] = Math.sqrt(Math.max(0, 1 - squares))
    largest = Math.max(largest, residuals[row]!)
  }
  return (a, query, least, offer) => {
    const kept = codeTable.scan(asQuery(a), a)
    const leastKept = least - residuals[a]! * largest - PCA_ERROR
    const near = codeTable.above(leastKept, a + 1).filter(b => kept[b]! + residuals[a]! * residuals[b]! + PCA_ERROR >= least)
    const similarities = table.scanSome(query, near)
    near.forEach((b, i) => { if (similarities[i]! >= least) offer(b, similarities[i]!) })
  }
}

/** Value of one code step along each of `count` components: the component's norm. */
function stepSizes (components: Float32Array, count: number): Float32Array {
  const dims = components.length / count
  return Float32Array.from({ length: count }, (_, i) => {
    const component = components.subarray(i * dims, (i + 1) * dims)
    return Math.sqrt(dot(component, component))
  })
}

const bySimilarity = (x: DuplicatePair, y: DuplicatePair): number => y.similarity - x.similarity || x.a - y.a || x.b - y.b

interface Pairs {
  /** The cosine from which a pair can be among the best. */
  least: () => number
  offer: (pair: DuplicatePair) => void
  best: () => DuplicatePair[]
}

/** Holds the best MAX_PAIRS, each pair once. It is cut at eight times as many: copied photos can make millions of pairs. */
function createPairs (): Pairs {
  let pairs = new Map<string, DuplicatePair>()
  let least = DUPLICATE_FROM
  const best = (): DuplicatePair[] => [...pairs.values()].sort(bySimilarity).slice(0, MAX_PAIRS)
  return {
    least: () => least,
    best,
    offer (pair) {
      pairs.set(`${pair.a} ${pair.b}`, pair)
      if (pairs.size < 8 * MAX_PAIRS) return
      const kept = best()
      pairs = new Map(kept.map(one => [`${one.a} ${one.b}`, one]))
      least = kept.at(-1)!.similarity
    }
  }
}
