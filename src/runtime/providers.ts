// Execution providers: which one is available, which one runs a graph, and the remedy for a missing one.
import './no-telemetry.ts'
import * as ort from 'onnxruntime-node'
import { errors } from '../errors.ts'

/** Opens one graph with the given options for ONNX Runtime. */
export type Create = (options: ort.InferenceSession.SessionOptions) => Promise<ort.InferenceSession>

export interface Opened { readonly session: ort.InferenceSession, readonly provider: string }

/**
 * Opens a graph on `provider` and determines which provider runs it.
 *
 * ONNX Runtime silently assigns nodes that CUDA cannot run to the CPU. The graph is therefore first opened with this fallback
 * disabled: if that succeeds, all nodes run on `provider`; if it needs the fallback, the result is `cuda+cpu`. A provider
 * whose library or device is missing fails in both cases.
 *
 * NOTE: onnxruntime-node 1.30 passes only `deviceId` of the CUDA options. Arena growth and cuDNN search have the defaults
 * of ONNX Runtime, kNextPowerOfTwo and EXHAUSTIVE: the first run of a new input shape is slow, so batch sizes are few and
 * warmed up.
 *
 * @throws what ONNX Runtime throws.
 */
export async function openOn (
  provider: string, device: number, base: ort.InferenceSession.SessionOptions, create: Create
): Promise<Opened> {
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

/** VEL_ERR_PROVIDER with the reason that ONNX Runtime states and the remedy. */
export function unavailable (provider: string, error: unknown): Error {
  const known = ort.listSupportedBackends().map(backend => backend.name)
  if (!known.includes(provider)) return errors.provider(provider, `this build of ONNX Runtime knows ${known.join(', ')}`)
  const reason = (error instanceof Error ? error.message : String(error)).split('\n')[0]!
  return errors.provider(provider, provider === 'cuda' ? `${reason}. ${CUDA_REMEDY}` : reason)
}

const CUDA_REMEDY = 'CUDA needs, on Linux x64: ONNX Runtime\'s CUDA library (`npm run cuda:install`), CUDA 12 with cuDNN 9, ' +
  'an NVIDIA driver, and in a container the NVIDIA Container Toolkit (`--gpus all`). ' +
  'EXECUTION_PROVIDERS=cuda,cpu falls back to the CPU'
