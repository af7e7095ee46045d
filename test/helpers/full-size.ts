// FIXTURE, not trained: graphs of the published models' true size, operators, inputs and outputs, with seeded weights.
// For benches: they take the time of the real ones (float32, or dynamic int8 as the published CLIP files).
import { node, tensor, value, type Attribute, type Data, type Graph } from './onnx.ts'

export type Precision = 'float32' | 'int8'

/** Gathers a graph; each operator returns the name of its output. */
class Builder {
  readonly nodes: Array<ReturnType<typeof node>> = []
  readonly initializers: Array<ReturnType<typeof tensor>> = []
  readonly #precision: Precision
  readonly #random: () => number
  #names = 0

  constructor (precision: Precision = 'float32') {
    this.#precision = precision
    this.#random = xorshift(1)
  }

  op (operator: string, inputs: readonly string[], attributes: Readonly<Record<string, Attribute>> = {}, output = this.#name()): string {
    this.nodes.push(node(operator, inputs, [output], attributes))
    return output
  }

  constant (dims: readonly number[], data: Data): string {
    const name = this.#name()
    this.initializers.push(tensor(name, dims, data))
    return name
  }

  ints (...values: readonly number[]): string { return this.constant([values.length], BigInt64Array.from(values, BigInt)) }
  scalar (v: number): string { return this.constant([], Float32Array.of(v)) }
  filled (dims: readonly number[], v: number): string { return this.constant(dims, new Float32Array(size(dims)).fill(v)) }

  /** Uniform weights with the variance that keeps activations as large as they came. */
  weights (dims: readonly number[], fanIn: number): string {
    const bound = Math.sqrt(3 / fanIn)
    const data = new Float32Array(size(dims))
    for (let i = 0; i < data.length; i++) data[i] = this.#random() * bound
    return this.constant(dims, data)
  }

  /** `[…, from]` -> `[…, to]`. Quantised: int8 weights, uint8 activations scaled at run time. */
  linear (x: string, from: number, to: number, biased = true): string {
    const product = this.#precision === 'int8' ? this.#quantised(x, from, to) : this.op('MatMul', [x, this.weights([from, to], from)])
    return biased ? this.op('Add', [product, this.filled([to], 0.01)]) : product
  }

  #quantised (x: string, from: number, to: number): string {
    const [bytes, scale, zero] = [this.#name(), this.#name(), this.#name()]
    this.nodes.push(node('DynamicQuantizeLinear', [x], [bytes, scale, zero]))
    const data = new Int8Array(from * to)
    for (let i = 0; i < data.length; i++) data[i] = this.#random() * 127
    const product = this.op('MatMulInteger', [bytes, this.constant([from, to], data), zero, this.constant([], Int8Array.of(0))])
    const factor = this.op('Mul', [scale, this.scalar(Math.sqrt(3 / from) / 127)])
    return this.op('Mul', [this.op('Cast', [product], { to: 1 }), factor])
  }

  /** Rows of a table `[rows, width]`, chosen by `ids`. Quantised: int8 rows. */
  rows (ids: string, rows: number, width: number): string {
    if (this.#precision === 'float32') return this.op('Gather', [this.weights([rows, width], 1), ids])
    const data = new Int8Array(rows * width)
    for (let i = 0; i < data.length; i++) data[i] = this.#random() * 127
    const bytes = this.op('Gather', [this.constant([rows, width], data), ids])
    return this.op('Mul', [this.op('Cast', [bytes], { to: 1 }), this.scalar(Math.sqrt(3) / 127)])
  }

  layerNorm (x: string, width: number): string {
    return this.op('LayerNormalization', [x, this.filled([width], 1), this.filled([width], 0)], { axis: -1, epsilon: { f: 1e-5 } })
  }

  #name (): string { return `t${this.#names++}` }
}

/** One block of CLIP's transformers, `[N, L, width]` to the same: attention and a perceptron of QuickGELU. */
function block (b: Builder, x: string, width: number, heads: number, mask: string | null): string {
  const normed = b.layerNorm(x, width)
  const split = (perm: readonly number[]): string =>
    b.op('Transpose', [b.op('Reshape', [b.linear(normed, width, width), b.ints(0, -1, heads, width / heads)])], { perm })
  const scores = b.op('Mul', [b.op('MatMul', [split([0, 2, 1, 3]), split([0, 2, 3, 1])]), b.scalar(1 / Math.sqrt(width / heads))])
  const attention = b.op('Softmax', [mask === null ? scores : b.op('Add', [scores, mask])], { axis: -1 })
  const joined = b.op('Reshape', [
    b.op('Transpose', [b.op('MatMul', [attention, split([0, 2, 1, 3])])], { perm: [0, 2, 1, 3] }),
    b.ints(0, -1, width)
  ])
  const attended = b.op('Add', [x, b.linear(joined, width, width)])
  const wide = b.linear(b.layerNorm(attended, width), width, 4 * width)
  const gelu = b.op('Mul', [wide, b.op('Sigmoid', [b.op('Mul', [wide, b.scalar(1.702)])])])
  return b.op('Add', [attended, b.linear(gelu, 4 * width, width)])
}

/** CLIP ViT-B/32, image half: `pixel_values` float32 [N, 3, 224, 224] -> `image_embeds` float32 [N, 512]. */
export function clipImageGraph (precision: Precision = 'float32'): Graph {
  const b = new Builder(precision)
  const width = 768
  const patches = b.op('Conv', ['pixel_values', b.weights([width, 3, 32, 32], 3 * 32 * 32)], { kernel_shape: [32, 32], strides: [32, 32] })
  const sequence = b.op('Transpose', [b.op('Reshape', [patches, b.ints(0, width, 49)])], { perm: [0, 2, 1] })
  const count = b.op('Slice', [b.op('Shape', ['pixel_values']), b.ints(0), b.ints(1)])
  const classes = b.op('Expand', [b.weights([1, 1, width], 1), b.op('Concat', [count, b.ints(1, width)], { axis: 0 })])
  const placed = b.op('Add', [b.op('Concat', [classes, sequence], { axis: 1 }), b.weights([50, width], 1)])
  let x = b.layerNorm(placed, width)
  for (let i = 0; i < 12; i++) x = block(b, x, width, 12, null)
  const pooled = b.op('Gather', [x, b.constant([], BigInt64Array.of(0n))], { axis: 1 })
  b.op('Identity', [b.linear(b.layerNorm(pooled, width), width, 512, false)], {}, 'image_embeds')
  return {
    ...b,
    inputs: [value('pixel_values', 'float32', ['batch', 3, 224, 224])],
    outputs: [value('image_embeds', 'float32', ['batch', 512])]
  }
}

/** CLIP ViT-B/32, text half: `input_ids` int64 [N, L], L of at most 77 -> `text_embeds` float32 [N, 512]. */
export function clipTextGraph (precision: Precision = 'float32', vocabulary = 49408): Graph {
  const b = new Builder(precision)
  const width = 512
  const longest = 77
  const length = b.op('Slice', [b.op('Shape', ['input_ids']), b.ints(1), b.ints(2)])
  const positions = b.op('Slice', [b.weights([longest, width], 1), b.ints(0), length, b.ints(0)])
  const causal = Float32Array.from({ length: longest * longest }, (_, i) => i % longest > Math.floor(i / longest) ? -1e9 : 0)
  const mask = b.op('Slice', [
    b.constant([longest, longest], causal),
    b.ints(0, 0),
    b.op('Concat', [length, length], { axis: 0 }),
    b.ints(0, 1)
  ])
  let x = b.op('Add', [b.rows('input_ids', vocabulary, width), positions])
  for (let i = 0; i < 12; i++) x = block(b, x, width, 8, mask)
  // The end token has the highest id: CLIP reads a text where its ids are largest.
  const end = b.op('Unsqueeze', [b.op('ArgMax', ['input_ids'], { axis: 1 }), b.ints(2)])
  const index = b.op('Expand', [end, b.ints(1, 1, width)])
  const pooled = b.op('Squeeze', [b.op('GatherElements', [b.layerNorm(x, width), index], { axis: 1 }), b.ints(1)])
  b.op('Identity', [b.linear(pooled, width, 512, false)], {}, 'text_embeds')
  return { ...b, inputs: [value('input_ids', 'int64', ['batch', 'length'])], outputs: [value('text_embeds', 'float32', ['batch', 512])] }
}

/** CLIP's text half without its transformer, for indexes of many texts: the sum of a text's tokens, each a seeded vector. */
export function tokensGraph (width = 512, vocabulary = 49408): Graph {
  const b = new Builder('int8')
  const mask = b.op('Unsqueeze', [b.op('Cast', ['attention_mask'], { to: 1 }), b.ints(2)])
  b.op('ReduceSum', [b.op('Mul', [b.rows('input_ids', vocabulary, width), mask]), b.ints(1)], { keepdims: 0 }, 'text_embeds')
  return {
    ...b,
    inputs: [value('input_ids', 'int64', ['batch', 'length']), value('attention_mask', 'int64', ['batch', 'length'])],
    outputs: [value('text_embeds', 'float32', ['batch', width])]
  }
}

/** Blocks a stage of the IResNets that ArcFace weights are published for. @see insightface `iresnet.py` (MIT) */
const STAGES = { 50: [3, 4, 14, 3], 100: [3, 13, 30, 3] } as const

/**
 * IResNet-50 or -100: `input` float32 [N, 3, 112, 112] -> `embedding` float32 [N, 512]. Batch norms after a convolution are
 * folded into it, as exporters do.
 */
export function arcfaceGraph (depth: keyof typeof STAGES): Graph {
  const b = new Builder()
  const conv = (x: string, from: number, to: number, side: 1 | 3, stride: number): string =>
    b.op('Conv', [x, b.weights([to, from, side, side], from * side * side), b.filled([to], 0.01)], {
      kernel_shape: [side, side],
      strides: [stride, stride],
      pads: side === 3 ? [1, 1, 1, 1] : [0, 0, 0, 0]
    })
  const norm = (x: string, channels: number): string =>
    b.op('BatchNormalization', [x, b.filled([channels], 1), b.filled([channels], 0), b.filled([channels], 0), b.filled([channels], 1)])
  const prelu = (x: string, channels: number): string => b.op('PRelu', [x, b.filled([channels, 1, 1], 0.25)])
  let x = prelu(conv('input', 3, 64, 3, 1), 64)
  let channels = 64
  STAGES[depth].forEach((blocks, stage) => {
    const to = 64 << stage
    for (let i = 0; i < blocks; i++) {
      const stride = i === 0 ? 2 : 1
      const inner = conv(prelu(conv(norm(x, channels), channels, to, 3, 1), to), to, to, 3, stride)
      // A tenth of each residual keeps a hundred untrained layers from growing without bound.
      const residual = b.op('Mul', [inner, b.scalar(0.1)])
      x = b.op('Add', [residual, i === 0 ? conv(x, channels, to, 1, stride) : x])
      channels = to
    }
  })
  const flat = b.op('Flatten', [norm(x, channels)])
  b.op('Identity', [b.linear(flat, channels * 49, 512)], {}, 'embedding')
  return { ...b, inputs: [value('input', 'float32', ['batch', 3, 112, 112])], outputs: [value('embedding', 'float32', ['batch', 512])] }
}

const size = (dims: readonly number[]): number => dims.reduce((a, d) => a * d, 1)

/** Numbers in -1..1, always the same. @see Marsaglia 2003, "Xorshift RNGs" */
function xorshift (seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state / 0x80000000
  }
}
