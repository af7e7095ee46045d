// Memory for int8 and int16 vectors in which they are compared sixteen numbers at a time.
import { SCAN_MODULE } from './scan-module.ts'

/** The part of WebAssembly used here; Node's types leave it to the browser's. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> }
  readonly Memory: new (size: { initial: number, maximum: number, shared: boolean }) => { readonly buffer: SharedArrayBuffer }
  readonly validate: (bytes: Uint8Array) => boolean
}

interface Exports {
  readonly scan8: (codes: number, scales: number, count: number, dims: number, query: number, unit: number, out: number) => void
  readonly scan16: (codes: number, count: number, dims: number, query: number, unit: number, out: number) => void
}

export interface ScanMemory {
  /** The file's bytes: for int8 float32 scales `[count]`; then the codes `[count, dims]`. To be filled in. */
  readonly bytes: Uint8Array<SharedArrayBuffer>
  /** Cosines of `query` to all vectors; overwritten by the next scan. */
  readonly scan: (query: Float32Array) => Float32Array
}

/** int16 codes are steps of a unit vector's numbers. */
export const INT16_STEPS = 32767

const PAGE_BYTES = 65536
const LANES = 16

/** @returns null where this machine or these sizes do not allow it; plain loops serve then. */
export function allocateScan (encoding: 'int8' | 'int16', count: number, dims: number): ScanMemory | null {
  const wasm = new Uint8Array(Buffer.from(SCAN_MODULE, 'base64'))
  if (dims % LANES !== 0 || count === 0 || !WebAssembly.validate(wasm)) return null
  const scalesBytes = encoding === 'int8' ? count * 4 : 0
  const codesBytes = count * dims * (encoding === 'int8' ? 1 : 2)
  // Codes start at a multiple of 16; scales, as in the file, end where they start.
  const codesAt = align(scalesBytes)
  const scalesAt = codesAt - scalesBytes
  const queryAt = align(codesAt + codesBytes)
  const outAt = queryAt + align(dims * 2)
  const pages = Math.ceil((outAt + count * 4) / PAGE_BYTES)
  if (pages > 65536) return null
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true })
  const { scan8, scan16 } = new WebAssembly.Instance(new WebAssembly.Module(wasm), { env: { memory } }).exports as unknown as Exports
  const quantised = new Int16Array(memory.buffer, queryAt, dims)
  const out = new Float32Array(memory.buffer, outAt, count)
  return {
    bytes: new Uint8Array(memory.buffer, scalesAt, scalesBytes + codesBytes),
    scan (query) {
      if (encoding === 'int8') scan8(codesAt, scalesAt, count, dims, queryAt, quantise(query, quantised, 127 * Math.sqrt(dims)), outAt)
      else scan16(codesAt, count, dims, queryAt, quantise(query, quantised, INT16_STEPS) / INT16_STEPS, outAt)
      return out
    }
  }
}

/**
 * The query as int16, as fine as int32 sums allow: by Cauchy and Schwarz no sum exceeds |codes| |query|. The error of a
 * similarity is then below 1e-4.
 *
 * @param longest of any vector's codes, as a vector's length.
 * @returns what one step stands for.
 */
function quantise (query: Float32Array, into: Int16Array, longest: number): number {
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
  // A tenth of the range of int32 is left for what rounding adds.
  const factor = Math.min(32767 / largest, 0.9 * 2 ** 31 / (longest * Math.sqrt(squares)))
  for (let d = 0; d < query.length; d++) into[d] = Math.round(query[d]! * factor)
  return 1 / factor
}

function align (at: number): number {
  return Math.ceil(at / LANES) * LANES
}
