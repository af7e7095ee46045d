// The only file that runs graphs: ONNX Runtime behind the Session port.
import * as ort from 'onnxruntime-node'
import type { Session } from '../types.ts'

export interface SessionOptions {
  /** Execution providers in order of preference, such as `['cuda', 'cpu']`. */
  readonly providers: readonly string[]
  /** Threads inside one operator. */
  readonly threads: number
}

/**
 * Opens a graph.
 *
 * NOTE: denormals are flushed to zero. Some published weights hold many denormal values, on which a CPU multiplies
 * some ten times slower (embedded pack: 98 against 14 ms an embedding). ONNX Runtime takes this option from the first
 * session of a process only, so every session sets it.
 */
export async function openSession (graph: string | Uint8Array, options: SessionOptions): Promise<Session> {
  const settings: ort.InferenceSession.SessionOptions = {
    executionProviders: [...options.providers],
    intraOpNumThreads: options.threads,
    interOpNumThreads: 1,
    extra: { session: { set_denormal_as_zero: '1' } }
  }
  const session = typeof graph === 'string' ? await ort.InferenceSession.create(graph, settings) : await ort.InferenceSession.create(graph, settings)
  return {
    inputs: session.inputMetadata.map(m => ({ name: m.name, dims: m.isTensor ? m.shape.map(d => typeof d === 'number' ? d : -1) : [] })),
    outputs: session.outputNames,
    provider: options.providers[0] ?? 'cpu',
    async run (feeds) {
      const tensors = Object.fromEntries(Object.entries(feeds).map(([name, t]) => [name, t.data instanceof Float32Array ? new ort.Tensor('float32', t.data, t.dims) : new ort.Tensor('int64', t.data, t.dims)]))
      const results = await session.run(tensors)
      return Object.fromEntries(Object.entries(results).map(([name, t]) => [name, { data: t.data as Float32Array, dims: t.dims }]))
    },
    close: async () => await session.release()
  }
}
