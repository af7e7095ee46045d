// PRelu as operators that keep ONNX Runtime's blocked layout. On a CPU its convolutions compute on channels in blocks
// (NCHWc), which PRelu does not know: every one costs a change of layout before and after, and is slow itself. In
// networks with a PRelu after each convolution, as encoders of faces have, that was half of the time.
import protobuf from 'protobufjs/light.js'

/** The part of ONNX' schema that is touched; protobufjs hands on the fields that it does not know. @see https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3 (Apache-2.0) */
const SCHEMA: protobuf.INamespace = {
  nested: {
    Model: { fields: { graph: { type: 'Graph', id: 7 } } },
    Graph: { fields: { node: { rule: 'repeated', type: 'Node', id: 1 }, initializer: { rule: 'repeated', type: 'Tensor', id: 5 }, input: { rule: 'repeated', type: 'Value', id: 11 }, output: { rule: 'repeated', type: 'Value', id: 12 } } },
    Node: { fields: { input: { rule: 'repeated', type: 'string', id: 1 }, output: { rule: 'repeated', type: 'string', id: 2 }, opType: { type: 'string', id: 4 }, attribute: { rule: 'repeated', type: 'Attribute', id: 5 } } },
    Attribute: { fields: { name: { type: 'string', id: 1 }, i: { type: 'int64', id: 3 }, type: { type: 'int32', id: 20 } } },
    Tensor: { fields: { dims: { rule: 'repeated', type: 'int64', id: 1 }, dataType: { type: 'int32', id: 2 }, floatData: { rule: 'repeated', type: 'float', id: 4 }, name: { type: 'string', id: 8 }, rawData: { type: 'bytes', id: 9 }, dataLocation: { type: 'int32', id: 14 } } },
    Value: { fields: { name: { type: 'string', id: 1 } } }
  }
}

interface Graph { node: Node[], initializer: Tensor[], input: Array<{ name: string }>, output: Array<{ name: string }> }
interface Node { input: string[], output: string[], opType: string, attribute?: Array<{ name: string, i: number, type: number }> }
interface Tensor { dims: unknown[], dataType: number, floatData: number[], name: string, rawData: Uint8Array, dataLocation: number }

const FLOAT = 1
const EXTERNAL = 1
const INT_ATTRIBUTE = 2
/** A node with graphs of its own, such as `If`: they may use anything of this one. */
const GRAPH_ATTRIBUTES: readonly number[] = [5, 10]

/** Slopes up to here leave enough of `1 - slope` to divide by. */
const LARGEST_SLOPE = 0.9

/**
 * Writes `PRelu(x)` with one slope a channel as operators of the blocked layout.
 *
 * Where `x` comes from a convolution and goes nowhere else, that convolution is made to give `z = (1 - slope) * x`; then
 * `PRelu(x) = relu(z) + slope / (1 - slope) * z`, for every slope below 1. Else it is `slope * x + (1 - slope) * relu(x)`.
 * Products are convolutions of 1 x 1 with a group for each channel, into which ONNX Runtime fuses the sum.
 *
 * @param bytes an `.onnx` file; it is not changed.
 * @returns the file with the nodes replaced, equal up to rounding; `null` where there is nothing to replace, where
 * weights lie in other files, which bytes could not find again, and where graphs are nested.
 */
export function blockPRelu (bytes: Uint8Array): Uint8Array | null {
  if (!Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes('PRelu')) return null
  const Model = protobuf.Root.fromJSON(SCHEMA).lookupType('Model')
  const reader = protobuf.Reader.create(bytes)
  reader.discardUnknown = false
  const model = Model.decode(reader) as unknown as { graph: Graph }
  const { graph } = model
  if (graph.initializer.some(t => t.dataLocation === EXTERNAL) || graph.node.some(n => n.attribute?.some(a => GRAPH_ATTRIBUTES.includes(a.type)))) return null
  const slopes = new Map(graph.initializer.flatMap(t => isPerChannel(t) ? [[t.name, floats(t)] as const] : []))
  const before = graph.node
  const shrink = shrinker(graph)
  graph.node = before.flatMap(node => {
    const slope = node.opType === 'PRelu' ? slopes.get(node.input[1]!) : undefined
    return slope === undefined ? [node] : replace(node, slope, shrink, graph.initializer)
  })
  if (graph.node.length === before.length) return null
  // ONNX Runtime warns of each constant that nothing uses.
  const used = new Set(graph.node.flatMap(node => node.input))
  const isLeft = ({ name }: { name: string }): boolean => used.has(name) || !slopes.has(name)
  graph.initializer = graph.initializer.filter(isLeft)
  graph.input = graph.input.filter(isLeft)
  return Model.encode(model).finish()
}

/** Whether `t` is `[C, 1, 1]`: a slope for each channel of NCHW. */
function isPerChannel (t: Tensor): boolean {
  const [channels, ...rest] = t.dims.map(Number)
  return t.dataType === FLOAT && channels! > 1 && rest.length === 2 && rest.every(d => d === 1)
}

function floats ({ rawData, floatData }: Tensor): Float32Array {
  // Copied, since a view into the file need not begin at a multiple of four bytes.
  return rawData.length > 0 ? new Float32Array(Uint8Array.from(rawData).buffer) : Float32Array.from(floatData)
}

/** Multiplies the channels of `x` by `factors` in the convolution that gives it; false where something else would change too. */
type Shrink = (x: string, factors: Float32Array) => boolean

function shrinker ({ node, initializer, output }: Graph): Shrink {
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

function replace ({ input: [x], output: [y] }: Node, slope: Float32Array, shrink: Shrink, initializers: Tensor[]): Node[] {
  const relu = `${y!}/relu`
  const product = (of: string, name: string, factors: Float32Array): Node => {
    initializers.push({ dims: [factors.length, 1, 1, 1], dataType: FLOAT, floatData: [], name: `${name}/factor`, rawData: new Uint8Array(factors.buffer), dataLocation: 0 })
    return { input: [of, `${name}/factor`], output: [name], opType: 'Conv', attribute: [{ name: 'group', i: factors.length, type: INT_ATTRIBUTE }] }
  }
  const sum = (...terms: string[]): Node => ({ input: terms, output: [y!], opType: 'Add' })
  const rectified: Node = { input: [x!], output: [relu], opType: 'Relu' }
  const kept = `${y!}/kept`
  if (slope.every(a => a <= LARGEST_SLOPE) && shrink(x!, slope.map(a => 1 - a))) return [rectified, product(x!, kept, slope.map(a => a / (1 - a))), sum(kept, relu)]
  const raised = `${y!}/raised`
  return [rectified, product(x!, kept, slope), product(relu, raised, slope.map(a => 1 - a)), sum(kept, raised)]
}
