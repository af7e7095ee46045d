// What runs a graph, as its users see it.

/** A dense array in row-major order; `data.length` is the product of `dims`. */
export interface Tensor {
  readonly data: Float32Array | BigInt64Array
  readonly dims: readonly number[]
}

/** One loaded graph. Runs one batch at a time; `provider` is the execution provider that really runs it. */
export interface Session {
  /** Names and dims as the graph states them; a dim that varies is -1. */
  readonly inputs: ReadonlyArray<{ readonly name: string, readonly dims: readonly number[] }>
  readonly outputs: readonly string[]
  readonly provider: string
  run: (feeds: Readonly<Record<string, Tensor>>) => Promise<Readonly<Record<string, Tensor>>>
  close: () => Promise<void>
}
