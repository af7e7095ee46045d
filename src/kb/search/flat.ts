// Flat search: every vector is compared, so that it is exact. Fast enough for tens of thousands; ground truth for the others.
import type { VectorTable } from './vector-table.ts'
import { type Hits, createTop } from './top-k.ts'

/**
 * The `k` entities nearest to `query`, each once by its best vector; equal similarities in order of row.
 *
 * @param entityRows entity row of each vector; the vectors of one entity are adjacent.
 * @param query L2-normalised float32 `[table.dims]`.
 */
export function searchFlat (table: VectorTable, entityRows: Uint32Array, query: Float32Array, k: number): Hits {
  return bestEntities(table.scan(query), entityRows, k)
}

/** The same among some vectors only. @param vectors their rows, ascending. */
export function searchSubset (
  table: VectorTable,
  entityRows: Uint32Array,
  vectors: ArrayLike<number>,
  query: Float32Array,
  k: number
): Hits {
  const rows = new Uint32Array(vectors.length)
  for (let i = 0; i < rows.length; i++) rows[i] = entityRows[vectors[i]!]!
  return bestEntities(table.scanSome(query, vectors), rows, k)
}

/** @param similarities of the vectors, in the order of `entityRows`; may be longer. */
function bestEntities (similarities: Float32Array, entityRows: Uint32Array, k: number): Hits {
  const count = entityRows.length
  const top = createTop(Math.min(k, count))
  for (let vector = 0; vector < count;) {
    const entity = entityRows[vector]!
    let best = -Infinity
    for (; vector < count && entityRows[vector] === entity; vector++) {
      if (similarities[vector]! > best) best = similarities[vector]!
    }
    top.offer(entity, best)
  }
  return top.hits()
}
