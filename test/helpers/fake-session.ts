// A Session with outputs from the test, for the arithmetic around a graph.
import type { Session, Tensor } from '../../src/runtime/types.ts'

export interface FakeSession extends Session {
  /** Dims of the first input of each run so far. */
  readonly seen: Array<readonly number[]>
}

/** @param answer output tensors for one input tensor. */
export function fakeSession (
  outputs: readonly string[],
  answer: (input: Tensor) => Record<string, Tensor>,
  inputDims: readonly number[] = []
): FakeSession {
  const seen: Array<readonly number[]> = []
  return {
    seen,
    inputs: [{ name: 'input', dims: inputDims }],
    outputs,
    provider: 'cpu',
    run: async feeds => {
      seen.push(feeds['input']!.dims)
      return answer(feeds['input']!)
    },
    close: async () => {}
  }
}

/** A float32 tensor of zeros except the entries `[index, value]`. */
export function sparse (dims: readonly number[], entries: ReadonlyArray<readonly [number, number]> = []): Tensor {
  const data = new Float32Array(dims.reduce((a, b) => a * b, 1))
  for (const [index, value] of entries) data[index] = value
  return { data, dims }
}
