// Runs graphs: ONNX Runtime behind the `Session` interface. The only file that does.
import './no-telemetry.ts'
import { readFile, stat } from 'node:fs/promises'
import * as ort from 'onnxruntime-node'
import type { Session, Tensor } from './types.ts'
import { blockPRelu } from './prelu-rewrite.ts'
import { openOn, unavailable, type Opened } from './providers.ts'

export interface SessionOptions {
  /** Execution providers in order of preference, such as `['cuda', 'cpu']`. */
  readonly providers: readonly string[]
  /** Threads inside one operator. */
  readonly threads: number
  /** Index of the CUDA device, from 0. */
  readonly device?: number
}

/** Opens graphs, from a file or from bytes. */
export type SessionOpener = (graph: string | Uint8Array) => Promise<Session>

/** Opens one graph. @see sessionOpener */
export async function openSession (graph: string | Uint8Array, options: SessionOptions): Promise<Session> {
  return await sessionOpener(options)(graph)
}

/**
 * Opens graphs on the first available provider; an unavailable one is not tried again.
 *
 * @param warn called once for each unavailable provider.
 * @throws VEL_ERR_PROVIDER if none is available; what ONNX Runtime throws if the CPU cannot open the graph.
 */
export function sessionOpener (options: SessionOptions, warn: (message: string) => void = () => {}): SessionOpener {
  const candidates = [...options.providers]
  return async graph => {
    for (;;) {
      const provider = candidates[0] ?? 'cpu'
      const source = provider === 'cpu' ? await forCpu(graph) : graph
      const create = async (settings: ort.InferenceSession.SessionOptions): Promise<ort.InferenceSession> =>
        typeof source === 'string'
          ? await ort.InferenceSession.create(source, settings)
          : await ort.InferenceSession.create(source, settings)
      try {
        return toSession(await openOn(provider, options.device ?? 0, baseSettings(options), create))
      } catch (error) {
        if (provider === 'cpu') throw error
        const reason = unavailable(provider, error)
        if (candidates.length === 1) throw reason
        candidates.shift()
        warn(`${reason.message}. Going on with ${candidates[0]}`)
      }
    }
  }
}

/** Graphs larger than this, bytes, are not searched for PRelu: they are transformers, and `readFile` is limited to 2 GiB. */
const MAX_READ = 2 ** 30

async function forCpu (graph: string | Uint8Array): Promise<string | Uint8Array> {
  if (typeof graph !== 'string') return blockPRelu(graph) ?? graph
  const { size } = await stat(graph)
  return size > MAX_READ ? graph : blockPRelu(await readFile(graph)) ?? graph
}

/**
 * NOTE: denormals are flushed to zero. Some published weights, such as the face encoder of the embedded pack, hold many
 * denormal values, which slow multiplication on a CPU many times. ONNX Runtime reads this option from the first session of
 * a process only, so every session sets it.
 */
function baseSettings ({ threads }: SessionOptions): ort.InferenceSession.SessionOptions {
  return { intraOpNumThreads: threads, interOpNumThreads: 1, extra: { session: { set_denormal_as_zero: '1' } } }
}

function toSession ({ session, provider }: Opened): Session {
  return {
    inputs: session.inputMetadata.map(m =>
      ({ name: m.name, dims: m.isTensor ? m.shape.map(d => typeof d === 'number' ? d : -1) : [] })),
    outputs: session.outputNames,
    provider,
    async run (feeds) {
      const tensors = Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, toOrt(tensor)]))
      const results = await session.run(tensors)
      return Object.fromEntries(Object.entries(results).map(([name, t]) => [name, { data: t.data as Float32Array, dims: t.dims }]))
    },
    close: async () => { await session.release() }
  }
}

function toOrt ({ data, dims }: Tensor): ort.Tensor {
  return data instanceof Float32Array ? new ort.Tensor('float32', data, dims) : new ort.Tensor('int64', data, dims)
}
