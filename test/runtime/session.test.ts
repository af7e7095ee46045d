import { describe, expect, it } from 'vitest'
import { openSession, sessionOpener } from '../../src/runtime/session.ts'
import { hasEmbedded, modelsDir } from '../helpers/engine.ts'

const graph = `${modelsDir}embedded/fr_landmark.onnx`

describe.skipIf(!hasEmbedded)('openSession', () => {
  it('tells inputs, outputs and the provider, and runs', async () => {
    const session = await openSession(graph, { providers: ['cpu'], threads: 1 })
    expect(session.inputs.map(i => i.dims)).toEqual([[1, 1, 64, 64]])
    expect(session.provider).toBe('cpu')
    const output = await session.run({ [session.inputs[0]!.name]: { data: new Float32Array(64 * 64), dims: [1, 1, 64, 64] } })
    expect(output[session.outputs[0]!]!.data).toHaveLength(136)
    await session.close()
  })

  it('refuses a provider that ONNX Runtime does not know, naming those it knows', async () => {
    await expect(openSession(graph, { providers: ['quantum'], threads: 1 })).rejects.toMatchObject({
      code: 'VEL_ERR_PROVIDER',
      message: expect.stringMatching(/quantum.*knows .*cpu/)
    })
  })

  it('passes over a provider once for all graphs', async () => {
    const warnings: string[] = []
    const open = sessionOpener({ providers: ['quantum', 'cpu'], threads: 1 }, message => { warnings.push(message) })
    for (let i = 0; i < 2; i++) {
      const session = await open(graph)
      expect(session.provider).toBe('cpu')
      await session.close()
    }
    expect(warnings).toHaveLength(1)
  })

  it('says what ONNX Runtime says of a file that is no graph', async () => {
    await expect(openSession(new Uint8Array([1, 2, 3]), { providers: ['cpu'], threads: 1 })).rejects.toThrow(/protobuf|model/i)
  })
})
