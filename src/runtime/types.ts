// The interface of a loaded graph and its tensors.

/** A dense array in row-major order; `data.length` is the product of `dims`. */
export interface Tensor {
  readonly data: Float32Array | BigInt64Array
  readonly dims: readonly number[]
}

/** One loaded graph. Runs one batch at a time. */
export interface Session {
  /** Names and dims as stated in the graph; a dynamic dim is -1. */
  readonly inputs: ReadonlyArray<{ readonly name: string, readonly dims: readonly number[] }>
  readonly outputs: readonly string[]
  /** The execution provider that runs it, such as `cpu`, `cuda` or `cuda+cpu`. */
  readonly provider: string
  run: (feeds: Readonly<Record<string, Tensor>>) => Promise<Readonly<Record<string, Tensor>>>
  close: () => Promise<void>
}
