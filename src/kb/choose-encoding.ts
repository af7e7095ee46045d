// Which encoding the vectors get: the smallest whose measured loss does not matter.
import { searchExact } from './exact.ts'
import { ENCODINGS, type Encoding, type EncodingLoss } from './format.ts'
import { createRandom, perturb } from './random.ts'
import { tableOf } from './vectors.ts'

/** An encoding may change no similarity by more than this: a sixth of the margin that makes a mention ambiguous. */
const ACCEPTED_ERROR = 0.005
const QUERIES = 100
/** Similarity of a query to the vector it was made from: about that of two photos of one person. */
const QUERY_SIMILARITY = 0.6
const SEED = 1

export interface EncodingChoice { readonly encoding: Encoding, readonly loss: Partial<Record<Encoding, EncodingLoss>> }

/** @param sample float32 vectors `[dims]` of the index, L2-normalised, some hundreds. */
export function chooseEncoding (sample: readonly Float32Array[], dims: number): EncodingChoice {
  if (sample.length === 0) return { encoding: 'int8', loss: {} }
  const loss = { int8: measureLoss('int8', sample, dims), float16: measureLoss('float16', sample, dims) }
  const encoding = ENCODINGS.find(name => name === 'float32' || loss[name].largestError <= ACCEPTED_ERROR)!
  return { encoding, loss }
}

function measureLoss (encoding: Encoding, sample: readonly Float32Array[], dims: number): EncodingLoss {
  const whole = tableOf('float32', sample, dims)
  const encoded = tableOf(encoding, sample, dims)
  const rows = Uint32Array.from(sample, (_, row) => row)
  const random = createRandom(SEED)
  const queries = Math.min(QUERIES, sample.length)
  let largestError = 0; let errorSum = 0; let top1 = 0; let top10 = 0; let places = 0
  for (let n = 0; n < queries; n++) {
    const query = perturb(sample[Math.floor(n * sample.length / queries)]!, QUERY_SIMILARITY, random)
    for (let row = 0; row < sample.length; row++) {
      const error = Math.abs(whole.similarity(row, query) - encoded.similarity(row, query))
      largestError = Math.max(largestError, error)
      errorSum += error
    }
    const right = searchExact(whole, rows, query, 10).rows
    const kept = searchExact(encoded, rows, query, 10).rows
    if (right[0] === kept[0]) top1++
    top10 += kept.filter(row => right.includes(row)).length
    places += right.length
  }
  return { largestError, meanError: errorSum / (queries * sample.length), top1Kept: top1 / queries, top10Kept: top10 / places }
}
