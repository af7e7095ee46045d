// Execution providers: which one can be had, which one really runs, and what to do where it is not the one wanted.
import './no-telemetry.ts'
import * as ort from 'onnxruntime-node'
import { errors } from '../errors.ts'

/** Opens one graph with the given options for ONNX Runtime. */
export type Create = (options: ort.InferenceSession.SessionOptions) => Promise<ort.InferenceSession>

export interface Opened { readonly session: ort.InferenceSession, readonly provider: string }

/**
 * Opens a graph on `provider`, and tells what really runs it.
 *
 * That ONNX Runtime was asked for CUDA is no proof: it puts every node that CUDA cannot run on the CPU and says nothing.
 * So the graph is first opened with that fallback forbidden. Where this works, all of it runs on `provider`; where only
 * the fallback makes it work, the answer is `cuda+cpu`. A provider whose library or device is missing fails both times.
 *
 * NOTE: of CUDA's options onnxruntime-node 1.30 passes on `deviceId` alone. The arena's growth and the cuDNN search are
 * ONNX Runtime's defaults, kNextPowerOfTwo and EXHAUSTIVE: the first run of a new input shape is slow, so batch sizes
 * are few and warmed.
 *
 * @throws what ONNX Runtime throws.
 */
export async function openOn (provider: string, device: number, base: ort.InferenceSession.SessionOptions, create: Create): Promise<Opened> {
  if (provider === 'cpu') return { session: await create({ ...base, executionProviders: ['cpu'] }), provider }
  const executionProviders = [provider === 'cuda' ? { name: 'cuda', deviceId: device } as const : provider]
  const session = { ...(base.extra?.['session'] as object | undefined), disable_cpu_ep_fallback: '1' }
  try {
    return { session: await create({ ...base, executionProviders, extra: { ...base.extra, session } }), provider }
  } catch (error) {
    if (!isForbiddenFallback(error)) throw error
    return { session: await create({ ...base, executionProviders }), provider: `${provider}+cpu` }
  }
}

function isForbiddenFallback (error: unknown): boolean {
  return error instanceof Error && /fallback to CPU EP/i.test(error.message)
}

/** Why `provider` cannot be had, in the words of ONNX Runtime, with the remedy. */
export function unavailable (provider: string, error: unknown): Error {
  const known = ort.listSupportedBackends().map(backend => backend.name)
  if (!known.includes(provider)) return errors.provider(provider, `this build of ONNX Runtime knows ${known.join(', ')}`)
  const reason = (error instanceof Error ? error.message : String(error)).split('\n')[0]!
  return errors.provider(provider, provider === 'cuda' ? `${reason}. ${CUDA_REMEDY}` : reason)
}

const CUDA_REMEDY = 'CUDA needs, on Linux x64: ONNX Runtime\'s CUDA library (`npm run cuda:install`), CUDA 12 with cuDNN 9, an NVIDIA driver, and in a container the NVIDIA Container Toolkit (`--gpus all`). EXECUTION_PROVIDERS=cuda,cpu falls back to the CPU'
