import { readFile } from 'node:fs/promises'
import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { blockPRelu } from '../../src/runtime/prelu-rewrite.ts'
import { dot, normalize } from '../../src/math/vector.ts'
import { hasEmbedded, modelsDir } from '../helpers/engine.ts'
import { encodeGraph, node, tensor, value } from '../helpers/onnx.ts'

const numbers = (n: number, scale = 1): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => scale * Math.sin(i * 12.9898 + i * i * 0.1))

/** x `[1, 2, 4, 4]` through a PRelu of the given slope. */
function graphOf (slopeDims: readonly number[], slope: Float32Array): Uint8Array {
  return encodeGraph({
    nodes: [node('PRelu', ['x', 'slope'], ['y'])],
    initializers: [tensor('slope', slopeDims, slope)],
    inputs: [value('x', 'float32', [1, 2, 4, 4])],
    outputs: [value('y', 'float32', [1, 2, 4, 4])]
  })
}

async function run (graph: Uint8Array, dims: readonly number[], x: Float32Array): Promise<Float32Array> {
  const extra = { session: { set_denormal_as_zero: '1' } }
  const session = await ort.InferenceSession.create(graph, { intraOpNumThreads: 1, logSeverityLevel: 3, extra })
  try {
    const output = await session.run({ [session.inputNames[0]!]: new ort.Tensor('float32', x, dims) })
    return output[session.outputNames[0]!]!.data as Float32Array
  } finally {
    await session.release()
  }
}

describe('blockPRelu', () => {
  it('is the PRelu of the definition, for slopes below 0, in 0..1 and over 1', async () => {
    const x = numbers(32, 3)
    for (const slope of [[0.25, -0.5], [0, 1], [1.5, 2]]) {
      const blocked = blockPRelu(graphOf([2, 1, 1], Float32Array.from(slope)))
      const y = await run(blocked!, [1, 2, 4, 4], x)
      y.forEach((v, i) => { expect(v).toBeCloseTo(x[i]! > 0 ? x[i]! : x[i]! * slope[i >> 4]!, 5) })
    }
  })

  it('leaves alone what has no slope for each channel, and graphs without PRelu', () => {
    expect(blockPRelu(graphOf([1, 1, 1], Float32Array.of(0.25)))).toBeNull()
    expect(blockPRelu(graphOf([4], numbers(4)))).toBeNull()
    expect(blockPRelu(graphOf([2, 4, 4], numbers(32)))).toBeNull()
    expect(blockPRelu(new Uint8Array([1, 2, 3]))).toBeNull()
  })

  it('keeps a slope that something else uses', async () => {
    const graph = encodeGraph({
      nodes: [node('PRelu', ['x', 'slope'], ['p']), node('Mul', ['p', 'slope'], ['y'])],
      initializers: [tensor('slope', [2, 1, 1], Float32Array.of(0.5, 2))],
      inputs: [value('x', 'float32', [1, 2, 4, 4])],
      outputs: [value('y', 'float32', [1, 2, 4, 4])]
    })
    const x = numbers(32)
    const wanted = await run(graph, [1, 2, 4, 4], x)
    const given = await run(blockPRelu(graph)!, [1, 2, 4, 4], x)
    given.forEach((v, i) => { expect(v).toBeCloseTo(wanted[i]!, 6) })
  })

  /** x `[1, 3, 4, 4]` through a convolution to two channels, a PRelu, and what comes after. */
  const convolved = (slope: Float32Array, after = [node('Identity', ['p'], ['y'])]): Uint8Array => encodeGraph({
    nodes: [node('Conv', ['x', 'w', 'b'], ['c']), node('PRelu', ['c', 'slope'], ['p']), ...after],
    initializers: [tensor('w', [2, 3, 1, 1], numbers(6)), tensor('b', [2], numbers(2)), tensor('slope', [2, 1, 1], slope)],
    inputs: [value('x', 'float32', [1, 3, 4, 4])],
    outputs: [value('y', 'float32', [1, 2, 4, 4])]
  })

  it.each([
    ['slopes below 1', convolved(Float32Array.of(0.25, -0.5))],
    ['a slope over 1', convolved(Float32Array.of(0.25, 1.5))],
    ['a slope of 1', convolved(Float32Array.of(1, 0.2))],
    ['a convolution that something else reads', convolved(Float32Array.of(0.25, -0.5), [node('Mul', ['p', 'c'], ['y'])])],
    ['weights with another use', convolved(Float32Array.of(0.25, -0.5), [node('Conv', ['x', 'w'], ['d']), node('Add', ['p', 'd'], ['y'])])]
  ])('after a convolution: %s', async (_, graph) => {
    const x = numbers(48, 3)
    const wanted = await run(graph, [1, 3, 4, 4], x)
    const answer = await run(blockPRelu(graph)!, [1, 3, 4, 4], x)
    answer.forEach((v, i) => { expect(v).toBeCloseTo(wanted[i]!, 5) })
  })

  it.skipIf(!hasEmbedded)('returns the embeddings of the original graph', async () => {
    const bytes = await readFile(`${modelsDir}embedded/fr_feature.onnx`)
    const x = numbers(3 * 112 * 112)
    const original = normalize(await run(bytes, [1, 3, 112, 112], x))
    const rewritten = normalize(await run(blockPRelu(bytes)!, [1, 3, 112, 112], x))
    expect(dot(original, rewritten)).toBeGreaterThan(0.99999)
  })
})
