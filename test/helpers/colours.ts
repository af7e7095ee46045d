// FIXTURE, not trained: a CLIP whose answers are known. A picture is its mean colour, a text is the sum of the colours
// of its words, and both lie in one space, so that "red" is nearest to a red picture. Inputs and outputs are named and
// shaped as CLIP's.
import { encodeGraph, node, tensor, value } from './onnx.ts'

export type Colour = readonly [r: number, g: number, b: number]

/** The text encoder's vocabulary: words and colours, -1..1 per channel; other words are ignored. */
export const WORDS: Readonly<Record<string, Colour>> = {
  red: [1, -1, -1],
  green: [-1, 1, -1],
  blue: [-1, -1, 1],
  yellow: [1, 1, -1],
  magenta: [1, -1, 1],
  cyan: [-1, 1, 1],
  white: [1, 1, 1],
  black: [-1, -1, -1]
}

/** Width of the space; three of its directions are used. */
export const DIMS = 8
export const SIDE = 224
export const MAX_TOKENS = 77

const UNKNOWN = 0
const START = Object.keys(WORDS).length + 1
const END = START + 1

/** Names that a faulty graph carries instead of CLIP's. */
export interface GraphFault { readonly input?: string, readonly output?: string, readonly dims?: number, readonly vocabulary?: number }

/** `pixel_values` float32 [N, 3, 224, 224] in -1..1 -> `image_embeds` float32 [N, DIMS]: the mean colour. */
export function imageGraph (
  { input = 'pixel_values', output = 'image_embeds', dims = DIMS }: GraphFault = {},
  batch: number | string = 'batch'
): Uint8Array {
  const projection = new Float32Array(3 * dims)
  for (let c = 0; c < 3; c++) projection[c * dims + c] = 1
  return encodeGraph({
    nodes: [node('ReduceMean', [input], ['colour'], { axes: [2, 3], keepdims: 0 }), node('MatMul', ['colour', 'projection'], [output])],
    initializers: [tensor('projection', [3, dims], projection)],
    inputs: [value(input, 'float32', [batch, 3, SIDE, SIDE])],
    outputs: [value(output, 'float32', [batch, dims])]
  })
}

/** `input_ids` int64 [N, L], and `attention_mask` where asked for -> `text_embeds` float32 [N, DIMS]: the sum of colours. */
export function textGraph (
  { input = 'input_ids', output = 'text_embeds', dims = DIMS, vocabulary = END + 1 }: GraphFault = {},
  { mask = false, batch = 'batch', length = 'length' }: { mask?: boolean, batch?: number | string, length?: number | string } = {}
): Uint8Array {
  const table = new Float32Array(vocabulary * dims)
  Object.values(WORDS).forEach((colour, i) => { if (i + 1 < vocabulary) table.set(colour, (i + 1) * dims) })
  const masked = [
    node('Cast', ['attention_mask'], ['weights'], { to: 1 }),
    node('Unsqueeze', ['weights', 'last'], ['column']),
    node('Mul', ['tokens', 'column'], ['kept'])
  ]
  return encodeGraph({
    nodes: [
      node('Gather', ['table', input], ['tokens']),
      ...(mask ? masked : []),
      node('ReduceSum', [mask ? 'kept' : 'tokens', 'axis'], [output], { keepdims: 0 })
    ],
    initializers: [
      tensor('table', [vocabulary, dims], table),
      tensor('axis', [1], BigInt64Array.of(1n)),
      ...(mask ? [tensor('last', [1], BigInt64Array.of(2n))] : [])
    ],
    inputs: [value(input, 'int64', [batch, length]), ...(mask ? [value('attention_mask', 'int64', [batch, length])] : [])],
    outputs: [value(output, 'float32', [batch, dims])]
  })
}

/** A `tokenizer.json` of whole words in lower case, with CLIP's start and end tokens. */
export function tokenizerJson ({ wrapped = true } = {}): string {
  const special = [{ id: START, content: '<|startoftext|>' }, { id: END, content: '<|endoftext|>' }]
  const vocab = Object.fromEntries([
    ['[UNK]', UNKNOWN],
    ...Object.keys(WORDS).map((word, i) => [word, i + 1] as const),
    ...special.map(t => [t.content, t.id] as const)
  ])
  return JSON.stringify({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.map(t => ({ ...t, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true })),
    normalizer: { type: 'Lowercase' },
    pre_tokenizer: { type: 'Whitespace' },
    post_processor: wrapped
      ? {
          type: 'RobertaProcessing',
          sep: ['<|endoftext|>', END],
          cls: ['<|startoftext|>', START],
          trim_offsets: false,
          add_prefix_space: false
        }
      : null,
    decoder: null,
    model: { type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', max_input_chars_per_word: 100, vocab }
  })
}
