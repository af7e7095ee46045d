// The best k of many scores, in order.

/** Entity rows and the cosine of the best vector of each, best first. */
export interface Hits { readonly rows: Uint32Array, readonly similarities: Float32Array }

/** Above this k, collect everything and sort once: insertion is quadratic in k. */
const MAX_INSERTION = 2000

export interface Top {
  offer: (row: number, similarity: number) => void
  hits: () => Hits
}

/** Keeps the `k` best offers, in order; equal similarities in the order of offers. */
export function createTop (k: number): Top {
  return k < MAX_INSERTION ? createInsertion(k) : createSort(k)
}

function createSort (k: number): Top {
  const rows: number[] = []
  const similarities: number[] = []
  return {
    offer (row, similarity) {
      if (Number.isNaN(similarity)) return
      rows.push(row)
      similarities.push(similarity)
    },
    hits () {
      const order = Uint32Array.from(rows.keys()).sort((a, b) => similarities[b]! - similarities[a]! || a - b).subarray(0, k)
      return { rows: order.map(i => rows[i]!), similarities: Float32Array.from(order, i => similarities[i]!) }
    }
  }
}

/** Once the list is full, few offers are inserted. */
function createInsertion (k: number): Top {
  const rows = new Uint32Array(k)
  const similarities = new Float64Array(k)
  let length = 0
  return {
    offer (row, similarity) {
      if (length === k && (k === 0 || !(similarity > similarities[k - 1]!))) return
      let at = 0
      for (let end = length; at < end;) {
        const middle = (at + end) >> 1
        if (similarities[middle]! < similarity) end = middle
        else at = middle + 1
      }
      if (length < k) length++
      similarities.copyWithin(at + 1, at, length - 1)
      rows.copyWithin(at + 1, at, length - 1)
      similarities[at] = similarity
      rows[at] = row
    },
    hits: () => ({ rows: rows.slice(0, length), similarities: Float32Array.from(similarities.subarray(0, length)) })
  }
}
