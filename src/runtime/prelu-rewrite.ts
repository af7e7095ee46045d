// Rewrites PRelu to operators that keep the blocked layout of ONNX Runtime. On a CPU its convolutions use channels in blocks
// (NCHWc), which PRelu does not support: each PRelu converts the layout before and after, and is slow itself. In networks
// with a PRelu after each convolution, such as face encoders, this took half of the time.
import protobuf from 'protobufjs/light.js'

const repeated = (type: string, id: number): protobuf.IField & { rule: string } => ({ rule: 'repeated', type, id })

/**
 * The part of the ONNX schema that is used; protobufjs keeps unknown fields.
 *
 * @see https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3 (Apache-2.0)
 */
const SCHEMA: protobuf.INamespace = {
  nested: {
    Model: { fields: { graph: { type: 'Graph', id: 7 } } },
    Graph: {
      fields: { node: repeated('Node', 1), initializer: repeated('Tensor', 5), input: repeated('Value', 11), output: repeated('Value', 12) }
    },
    Node: {
      fields: {
        input: repeated('string', 1),
        output: repeated('string', 2),
        opType: { type: 'string', id: 4 },
        attribute: repeated('Attribute', 5)
      }
    },
    Attribute: { fields: { name: { type: 'string', id: 1 }, i: { type: 'int64', id: 3 }, type: { type: 'int32', id: 20 } } },
    Tensor: {
      fields: {
        dims: repeated('int64', 1),
        dataType: { type: 'int32', id: 2 },
        floatData: repeated('float', 4),
        name: { type: 'string', id: 8 },
        rawData: { type: 'bytes', id: 9 },
        dataLocation: { type: 'int32', id: 14 }
      }
    },
    Value: { fields: { name: { type: 'string', id: 1 } } }
  }
}

interface Graph { node: Node[], initializer: Tensor[], input: Array<{ name: string }>, output: Array<{ name: string }> }
interface Node { input: string[], output: string[], opType: string, attribute?: Array<{ name: string, i: number, type: number }> }
interface Tensor { dims: unknown[], dataType: number, floatData: number[], name: string, rawData: Uint8Array, dataLocation: number }

const FLOAT = 1
const EXTERNAL = 1
const INT_ATTRIBUTE = 2
/** Attribute types of subgraphs, as of `If`, which may use any value of the outer graph. */
const GRAPH_ATTRIBUTES: readonly number[] = [5, 10]

/** Largest slope for which the division by `1 - slope` loses little precision. */
const MAX_SLOPE = 0.9

/**
 * Rewrites each `PRelu(x)` with one slope per channel to operators that support the blocked layout.
 *
 * If `x` is the output of a convolution without other uses, the weights of the convolution are scaled so that its output is
 * `z = (1 - slope) * x`; then `PRelu(x) = relu(z) + slope / (1 - slope) * z`, for every slope below 1. Otherwise
 * `PRelu(x) = slope * x + (1 - slope) * relu(x)`. Products are 1 x 1 convolutions with one group per channel, into which
 * ONNX Runtime fuses the sum.
 *
 * @param bytes an `.onnx` file; it is not changed.
 * @returns the file with the nodes replaced, equal up to rounding; `null` if there is nothing to replace, if weights are in
 *   external files (not found from bytes), or if graphs are nested.
 */
export function blockPRelu (bytes: Uint8Array): Uint8Array | null {
  if (!Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes('PRelu')) return null
  const Model = protobuf.Root.fromJSON(SCHEMA).lookupType('Model')
  const reader = protobuf.Reader.create(bytes)
  reader.discardUnknown = false
  const model = Model.decode(reader) as unknown as { graph: Graph }
  const { graph } = model
  const isNested = (n: Node): boolean => n.attribute?.some(a => GRAPH_ATTRIBUTES.includes(a.type)) === true
  if (graph.initializer.some(t => t.dataLocation === EXTERNAL) || graph.node.some(isNested)) return null
  const slopes = new Map(graph.initializer.flatMap(t => isPerChannel(t) ? [[t.name, floats(t)] as const] : []))
  const before = graph.node
  const scale = scaler(graph)
  graph.node = before.flatMap(node => {
    const slope = node.opType === 'PRelu' ? slopes.get(node.input[1]!) : undefined
    return slope === undefined ? [node] : replace(node, slope, scale, graph.initializer)
  })
  if (graph.node.length === before.length) return null
  // ONNX Runtime warns of each unused constant.
  const used = new Set(graph.node.flatMap(node => node.input))
  const isUsed = ({ name }: { name: string }): boolean => used.has(name) || !slopes.has(name)
  graph.initializer = graph.initializer.filter(isUsed)
  graph.input = graph.input.filter(isUsed)
  return Model.encode(model).finish()
}

/** Whether `t` is `[C, 1, 1]`: a slope for each channel of NCHW. */
function isPerChannel (t: Tensor): boolean {
  const [channels, ...rest] = t.dims.map(Number)
  return t.dataType === FLOAT && channels! > 1 && rest.length === 2 && rest.every(d => d === 1)
}

function floats ({ rawData, floatData }: Tensor): Float32Array {
  // Copied, since the view into the file may not be aligned to four bytes.
  return rawData.length > 0 ? new Float32Array(Uint8Array.from(rawData).buffer) : Float32Array.from(floatData)
}

/** Multiplies the channels of `x` by `factors` in the weights of its convolution; false if that would change other values. */
type Scale = (x: string, factors: Float32Array) => boolean

function scaler ({ node, initializer, output }: Graph): Scale {
  const producers = new Map(node.flatMap(n => n.output.map(name => [name, n] as const)))
  const constants = new Map(initializer.map(t => [t.name, t] as const))
  const uses = new Map<string, number>()
  for (const name of [...node.flatMap(n => n.input), ...output.map(o => o.name)]) uses.set(name, (uses.get(name) ?? 0) + 1)
  return (x, factors) => {
    const producer = producers.get(x)
    if (producer?.opType !== 'Conv' || uses.get(x) !== 1) return false
    const tensors = producer.input.slice(1).map(name => uses.get(name) === 1 ? constants.get(name) : undefined)
    if (!tensors.every(t => t !== undefined && t.dataType === FLOAT && Number(t.dims[0]) === factors.length)) return false
    for (const tensor of tensors as Tensor[]) {
      const values = floats(tensor)
      const each = values.length / factors.length
      tensor.rawData = new Uint8Array(values.map((v, i) => v * factors[Math.floor(i / each)]!).buffer)
      tensor.floatData = []
    }
    return true
  }
}

function replace ({ input: [x], output: [y] }: Node, slope: Float32Array, scale: Scale, initializers: Tensor[]): Node[] {
  const relu = `${y!}/relu`
  const product = (of: string, name: string, factors: Float32Array): Node => {
    const channels = factors.length
    const rawData = new Uint8Array(factors.buffer)
    initializers.push({ dims: [channels, 1, 1, 1], dataType: FLOAT, floatData: [], name: `${name}/factor`, rawData, dataLocation: 0 })
    const group = { name: 'group', i: channels, type: INT_ATTRIBUTE }
    return { input: [of, `${name}/factor`], output: [name], opType: 'Conv', attribute: [group] }
  }
  const sum = (...terms: string[]): Node => ({ input: terms, output: [y!], opType: 'Add' })
  const rectified: Node = { input: [x!], output: [relu], opType: 'Relu' }
  const kept = `${y!}/kept`
  if (slope.every(a => a <= MAX_SLOPE) && scale(x!, slope.map(a => 1 - a))) {
    return [rectified, product(x!, kept, slope.map(a => a / (1 - a))), sum(kept, relu)]
  }
  const raised = `${y!}/raised`
  return [rectified, product(x!, kept, slope), product(relu, raised, slope.map(a => 1 - a)), sum(kept, raised)]
}
