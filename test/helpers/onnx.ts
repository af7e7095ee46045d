// Writes ONNX graphs by hand, so that tests and benches run the real runtime on models whose answers or sizes are known.
// A protobuf writer of the few message fields needed. @see https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
import { open } from 'node:fs/promises'

/** A message as parts to be written one after another, so that weights are never copied. */
type Parts = readonly Uint8Array[]

export type Data = Float32Array | BigInt64Array | Uint8Array | Int8Array
/** An integer, a list of integers, a float (`{ f }`) or a text. */
export type Attribute = number | readonly number[] | { readonly f: number } | string

export interface Graph {
  readonly nodes: readonly Parts[]
  readonly initializers: readonly Parts[]
  readonly inputs: readonly Parts[]
  readonly outputs: readonly Parts[]
}

/** First version with LayerNormalization as one operator. */
const OPSET = 17
const IR_VERSION = 8

function varint (value: number | bigint): Uint8Array {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
  return Uint8Array.from([...bytes, Number(rest)])
}

const lengthOf = (parts: Parts): number => parts.reduce((sum, p) => sum + p.length, 0)
const int = (field: number, value: number | bigint): Parts => [varint(field << 3), varint(value)]
const message = (field: number, parts: Parts): Parts => [varint(field << 3 | 2), varint(lengthOf(parts)), ...parts]
const text = (field: number, value: string): Parts => message(field, [new TextEncoder().encode(value)])
const float = (field: number, value: number): Parts => [varint(field << 3 | 5), new Uint8Array(Float32Array.of(value).buffer)]

function attribute (name: string, value: Attribute): Parts {
  const [type, parts] = typeof value === 'number'
    ? [2, int(3, value)]
    : typeof value === 'string'
      ? [3, text(4, value)]
      : 'f' in value ? [1, float(2, value.f)] : [7, value.flatMap(v => int(8, v))]
  return [...text(1, name), ...parts, ...int(20, type)]
}

export function node (
  operator: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, Attribute>> = {}
): Parts {
  return [
    ...inputs.flatMap(i => text(1, i)),
    ...outputs.flatMap(o => text(2, o)),
    ...text(4, operator),
    ...Object.entries(attributes).flatMap(([name, value]) => message(5, attribute(name, value)))
  ]
}

const ELEMENT = { float32: 1, uint8: 2, int8: 3, int64: 7 } as const

function elementOf (data: Data): number {
  if (data instanceof Float32Array) return ELEMENT.float32
  if (data instanceof BigInt64Array) return ELEMENT.int64
  return data instanceof Uint8Array ? ELEMENT.uint8 : ELEMENT.int8
}

/** A constant. `data` is kept, not copied. */
export function tensor (name: string, dims: readonly number[], data: Data): Parts {
  return [
    ...dims.flatMap(d => int(1, d)),
    ...int(2, elementOf(data)),
    ...text(8, name),
    ...message(9, [new Uint8Array(data.buffer, data.byteOffset, data.byteLength)])
  ]
}

/** An input or output of the graph; a dim that varies is a name. */
export function value (name: string, element: 'float32' | 'int64', dims: ReadonlyArray<number | string>): Parts {
  const shape = dims.flatMap(d => message(1, typeof d === 'number' ? int(1, d) : text(2, d)))
  return [...text(1, name), ...message(2, message(1, [...int(1, ELEMENT[element]), ...message(2, shape)]))]
}

function model (graph: Graph): Parts {
  const parts = [...graph.nodes.flatMap(n => message(1, n)), ...text(2, 'fixture'), ...graph.initializers.flatMap(t => message(5, t)),
    ...graph.inputs.flatMap(v => message(11, v)), ...graph.outputs.flatMap(v => message(12, v))]
  return [...int(1, IR_VERSION), ...message(8, int(2, OPSET)), ...message(7, parts)]
}

/** The graph as the bytes of an `.onnx` file. */
export function encodeGraph (graph: Graph): Uint8Array {
  return Buffer.concat(model(graph))
}

/** Writes the graph to a file, part by part. */
export async function writeGraph (path: string, graph: Graph): Promise<void> {
  const file = await open(path, 'w')
  try {
    for (const part of model(graph)) await file.appendFile(part)
  } finally {
    await file.close()
  }
}
