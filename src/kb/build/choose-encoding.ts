// Which encoding the vectors get: the smallest whose measured loss does not matter.
import { setImmediate } from 'node:timers/promises'
import { createTop, type Top } from '../search/top-k.ts'
import { ENCODINGS, type Encoding, type EncodingLoss } from '../storage/manifest.ts'
import { createRandom, perturb } from '../../math/random.ts'
import { allocateTable, fillTable, openTable } from '../search/vector-table.ts'

/** An encoding may change no similarity by more than this: a sixth of the margin that makes a mention ambiguous. */
const ACCEPTED_ERROR = 0.005
/** And must keep this share of the first and of the ten nearest: as much as is asked of a graph. */
const ACCEPTED_KEPT = 0.99
const QUERIES = 100
/** Similarity of a query to the vector it was made from: about that of two photos of one person. */
const QUERY_SIMILARITY = 0.6
const SEED = 1
const BLOCK = 1024

export interface EncodingChoice { readonly encoding: Encoding, readonly loss: Partial<Record<Encoding, EncodingLoss>> }

/**
 * Tries encodings on all vectors, the smallest first, in blocks: they are never all in memory.
 *
 * @param read L2-normalised float32 `[dims]` of vector i of `count`.
 */
export async function chooseEncoding (count: number, dims: number, read: (vector: number) => Promise<Float32Array>): Promise<EncodingChoice> {
  const loss: Partial<Record<Encoding, EncodingLoss>> = {}
  if (count === 0) return { encoding: 'int8', loss }
  for (const encoding of ENCODINGS) {
    if (encoding === 'float32') break
    const measured = await measureLoss(encoding, count, dims, read)
    loss[encoding] = measured
    if (measured.largestError <= ACCEPTED_ERROR && measured.top1Kept >= ACCEPTED_KEPT && measured.top10Kept >= ACCEPTED_KEPT) return { encoding, loss }
  }
  return { encoding: 'float32', loss }
}

async function measureLoss (encoding: Encoding, count: number, dims: number, read: (vector: number) => Promise<Float32Array>): Promise<EncodingLoss> {
  const random = createRandom(SEED)
  const queries: Array<{ query: Float32Array, right: Top, kept: Top }> = []
  const asked = Math.min(QUERIES, count)
  for (let n = 0; n < asked; n++) queries.push({ query: perturb(await read(Math.floor(n * count / asked)), QUERY_SIMILARITY, random), right: createTop(Math.min(10, count)), kept: createTop(Math.min(10, count)) })
  let largestError = 0
  let errors = 0
  const places = [allocateTable('float32', Math.min(BLOCK, count), dims), allocateTable(encoding, Math.min(BLOCK, count), dims)] as const
  const [whole, encoded] = [openTable(places[0]), openTable(places[1])]
  for (let start = 0; start < count; start += BLOCK) {
    const block: Float32Array[] = []
    for (let vector = start; vector < Math.min(count, start + BLOCK); vector++) block.push(await read(vector))
    for (const place of places) fillTable(place, block)
    for (const { query, right, kept } of queries) {
      const [exact, near] = [whole.scan(query), encoded.scan(query)]
      for (let i = 0; i < block.length; i++) {
        right.offer(start + i, exact[i]!)
        kept.offer(start + i, near[i]!)
        const error = Math.abs(exact[i]! - near[i]!)
        if (error > largestError) largestError = error
        errors += error
      }
      // A server writes its index anew while it serves.
      await setImmediate()
    }
  }
  return { largestError, meanError: errors / (asked * count), ...share(queries) }
}

function share (queries: ReadonlyArray<{ right: Top, kept: Top }>): { top1Kept: number, top10Kept: number } {
  let first = 0
  let ten = 0
  let places = 0
  for (const { right, kept } of queries) {
    const [expected, found] = [right.hits().rows, kept.hits().rows]
    if (expected[0] === found[0]) first++
    ten += found.filter(row => expected.includes(row)).length
    places += expected.length
  }
  return { top1Kept: first / queries.length, top10Kept: ten / places }
}
