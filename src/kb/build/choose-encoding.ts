// Chooses the encoding of the vectors: the smallest whose measured loss is acceptable.
import { setImmediate } from 'node:timers/promises'
import { createTop, type Top } from '../search/top-k.ts'
import { ENCODINGS, type Encoding, type EncodingLoss } from '../storage/manifest.ts'
import { createRandom, perturb } from '../../math/random.ts'
import { allocateTable, fillTable, openTable } from '../search/vector-table.ts'

/** Largest acceptable error of a similarity: a sixth of the margin of an unambiguous mention. */
const ACCEPTED_ERROR = 0.005
/** Least share of the nearest and of the ten nearest that must be kept: the recall that is asked of a graph. */
const ACCEPTED_KEPT = 0.99
const QUERIES = 100
/** Cosine of a query to the vector it was made from: about that of two photos of one person. */
const QUERY_SIMILARITY = 0.6
const SEED = 1
/** Vectors in memory at a time. */
const BLOCK = 1024

export interface EncodingChoice { readonly encoding: Encoding, readonly loss: Partial<Record<Encoding, EncodingLoss>> }

/**
 * Tries the encodings on all vectors, the smallest first. Reads the vectors in blocks, once for each encoding that is tried.
 *
 * @param read L2-normalised float32 `[dims]` of vector i of `count`.
 */
export async function chooseEncoding (
  count: number,
  dims: number,
  read: (vector: number) => Promise<Float32Array>
): Promise<EncodingChoice> {
  const loss: Partial<Record<Encoding, EncodingLoss>> = {}
  if (count === 0) return { encoding: 'int8', loss }
  for (const encoding of ENCODINGS) {
    if (encoding === 'float32') break
    const measured = await measureLoss(encoding, count, dims, read)
    loss[encoding] = measured
    const { largestError, top1Kept, top10Kept } = measured
    if (largestError <= ACCEPTED_ERROR && top1Kept >= ACCEPTED_KEPT && top10Kept >= ACCEPTED_KEPT) return { encoding, loss }
  }
  return { encoding: 'float32', loss }
}

/** A query with its ten nearest by float32 and by the encoding. */
interface Query { readonly query: Float32Array, readonly expected: Top, readonly found: Top }

async function measureLoss (
  encoding: Encoding,
  count: number,
  dims: number,
  read: (vector: number) => Promise<Float32Array>
): Promise<EncodingLoss> {
  const random = createRandom(SEED)
  const queries: Query[] = []
  const queryCount = Math.min(QUERIES, count)
  for (let n = 0; n < queryCount; n++) {
    const query = perturb(await read(Math.floor(n * count / queryCount)), QUERY_SIMILARITY, random)
    queries.push({ query, expected: createTop(Math.min(10, count)), found: createTop(Math.min(10, count)) })
  }
  let largestError = 0
  let errors = 0
  const blockSize = Math.min(BLOCK, count)
  const memories = [allocateTable('float32', blockSize, dims), allocateTable(encoding, blockSize, dims)] as const
  const [exactTable, encodedTable] = [openTable(memories[0]), openTable(memories[1])]
  for (let start = 0; start < count; start += BLOCK) {
    const block: Float32Array[] = []
    for (let vector = start; vector < Math.min(count, start + BLOCK); vector++) block.push(await read(vector))
    for (const memory of memories) fillTable(memory, block)
    for (const { query, expected, found } of queries) {
      const [exact, encoded] = [exactTable.scan(query), encodedTable.scan(query)]
      for (let i = 0; i < block.length; i++) {
        expected.offer(start + i, exact[i]!)
        found.offer(start + i, encoded[i]!)
        const error = Math.abs(exact[i]! - encoded[i]!)
        if (error > largestError) largestError = error
        errors += error
      }
      // A server compacts its index while it serves.
      await setImmediate()
    }
  }
  return { largestError, meanError: errors / (queryCount * count), ...keptShares(queries) }
}

function keptShares (queries: readonly Query[]): { top1Kept: number, top10Kept: number } {
  let top1 = 0
  let top10 = 0
  let total = 0
  for (const { expected, found } of queries) {
    const [expectedRows, foundRows] = [expected.hits().rows, found.hits().rows]
    if (expectedRows[0] === foundRows[0]) top1++
    top10 += foundRows.filter(row => expectedRows.includes(row)).length
    total += expectedRows.length
  }
  return { top1Kept: top1 / queries.length, top10Kept: top10 / total }
}
