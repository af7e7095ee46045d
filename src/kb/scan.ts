// Memory for int8 vectors in which they are compared sixteen numbers at a time.
import { SCAN_MODULE } from './scan-module.ts'

/** The part of WebAssembly used here; Node's types leave it to the browser's. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> }
  readonly Memory: new (size: { initial: number, maximum: number, shared: boolean }) => { readonly buffer: SharedArrayBuffer }
  readonly validate: (bytes: Uint8Array) => boolean
}

type Scan = (codes: number, scales: number, count: number, dims: number, query: number, unit: number, out: number) => void

export interface ScanMemory {
  /** The file's bytes: float32 scales `[count]`, then int8 codes `[count, dims]`. To be filled in. */
  readonly bytes: Uint8Array
  readonly scales: Float32Array
  readonly codes: Int8Array
  /** Cosines of `query` to all vectors; overwritten by the next scan. */
  readonly scan: (query: Float32Array) => Float32Array
}

const PAGE_BYTES = 65536
const LANES = 16

/** @returns null where this machine or these sizes do not allow it; plain loops serve then. */
export function allocateScan (count: number, dims: number): ScanMemory | null {
  const wasm = new Uint8Array(Buffer.from(SCAN_MODULE, 'base64'))
  if (dims % LANES !== 0 || count === 0 || !WebAssembly.validate(wasm)) return null
  // Codes start at a multiple of 16; scales, as in the file, end where they start.
  const codesAt = align(count * 4)
  const scalesAt = codesAt - count * 4
  const queryAt = align(codesAt + count * dims)
  const outAt = queryAt + align(dims * 2)
  const pages = Math.ceil((outAt + count * 4) / PAGE_BYTES)
  if (pages > 65536) return null
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true })
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(wasm), { env: { memory } })
  const scan = exports['scan'] as Scan
  const quantised = new Int16Array(memory.buffer, queryAt, dims)
  const out = new Float32Array(memory.buffer, outAt, count)
  return {
    bytes: new Uint8Array(memory.buffer, scalesAt, count * (4 + dims)),
    scales: new Float32Array(memory.buffer, scalesAt, count),
    codes: new Int8Array(memory.buffer, codesAt, count * dims),
    scan (query) {
      scan(codesAt, scalesAt, count, dims, queryAt, quantise(query, quantised), outAt)
      return out
    }
  }
}

/**
 * The query as int16, as fine as int32 sums allow: by Cauchy and Schwarz no sum exceeds |codes| |query|, and |codes| is
 * at most 127 sqrt(dims). The error of a similarity is then below 1e-5 for 512 numbers.
 *
 * @returns what one step stands for.
 */
function quantise (query: Float32Array, into: Int16Array): number {
  let largest = 0
  let squares = 0
  for (const x of query) {
    largest = Math.max(largest, Math.abs(x))
    squares += x * x
  }
  if (largest === 0) {
    into.fill(0)
    return 0
  }
  // Half the range of int32, so that rounding cannot lead over it.
  const factor = Math.min(32767 / largest, 2 ** 30 / (127 * Math.sqrt(query.length * squares)))
  for (let d = 0; d < query.length; d++) into[d] = Math.round(query[d]! * factor)
  return 1 / factor
}

function align (at: number): number {
  return Math.ceil(at / LANES) * LANES
}
