import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { openOn } from '../../src/runtime/providers.ts'
import { hasEmbedded, modelsDir } from '../helpers/engine.ts'

const graph = `${modelsDir}embedded/fr_landmark.onnx`
type Options = ort.InferenceSession.SessionOptions

describe.skipIf(!hasEmbedded)('openOn', () => {
  /** ONNX Runtime where every provider but the CPU is there and can run no operator: it leaves all to the fallback. */
  const noOperators = (seen: Options[]) => async (options: Options): Promise<ort.InferenceSession> => {
    seen.push(options)
    return await ort.InferenceSession.create(graph, { ...options, executionProviders: [] })
  }

  it('does not take a provider for the one that runs where ONNX Runtime falls back to the CPU', async () => {
    const seen: Options[] = []
    const { session, provider } = await openOn('cuda', 3, { extra: { session: { set_denormal_as_zero: '1' } } }, noOperators(seen))
    await session.release()
    expect(provider).toBe('cuda+cpu')
    expect(seen.map(options => options.executionProviders)).toEqual([[{ name: 'cuda', deviceId: 3 }], [{ name: 'cuda', deviceId: 3 }]])
    expect(seen.map(options => options.extra)).toEqual([
      { session: { set_denormal_as_zero: '1', disable_cpu_ep_fallback: '1' } },
      { session: { set_denormal_as_zero: '1' } }
    ])
  })

  it('opens on the CPU at once', async () => {
    const seen: Options[] = []
    const { session, provider } = await openOn('cpu', 0, {}, noOperators(seen))
    await session.release()
    expect(provider).toBe('cpu')
    expect(seen).toHaveLength(1)
  })

  it('does not try again where the provider itself is missing', async () => {
    let tries = 0
    const missing = async (): Promise<ort.InferenceSession> => {
      tries++
      throw new Error('Failed to load shared library')
    }
    await expect(openOn('cuda', 0, {}, missing)).rejects.toThrow('Failed to load shared library')
    expect(tries).toBe(1)
  })
})
