import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSession } from '../../../src/runtime/session.ts'
import { dot } from '../../../src/math/vector.ts'
import { createClipText } from '../../../src/models/encoders/clip-text.ts'
import { parseTokenizer, type Tokenizer } from '../../../src/models/encoders/tokenizer.ts'
import type { ClipTextManifest } from '../../../src/packs/manifest.ts'
import type { ClipTextEncoder } from '../../../src/models/types.ts'
import type { Session } from '../../../src/runtime/types.ts'
import { DIMS, MAX_TOKENS, textGraph, tokenizerJson, WORDS } from '../../helpers/colours.ts'

const manifest: ClipTextManifest = {
  name: 'fixture',
  decoder: 'clip-text',
  files: {},
  licence: 'MIT',
  commercialUse: true,
  origin: 'test/helpers/colours.ts',
  dims: DIMS,
  maxTokens: MAX_TOKENS,
  prompts: { name: 'a photo of {name}', name_description: 'a photo of {name}, {description}' }
}
const sessions: Session[] = []
let dir: string
let tokenizer: Tokenizer

async function create (graph: Uint8Array, changes: Partial<ClipTextManifest> = {}): Promise<ClipTextEncoder> {
  const session = await openSession(graph, { providers: ['cpu'], threads: 1 })
  sessions.push(session)
  return await createClipText(session, tokenizer, { ...manifest, ...changes }, 'fixture')
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'clip-text-'))
  tokenizer = parseTokenizer(Buffer.from(tokenizerJson()), 'fixture')
})
afterAll(async () => {
  await Promise.all(sessions.map(async s => await s.close()))
  await rm(dir, { recursive: true })
})

const like = (embedding: Float32Array, word: string): number => {
  const colour = WORDS[word]!
  return dot(embedding, [...colour, 0, 0, 0, 0, 0]) / Math.hypot(...colour)
}

describe('encode', () => {
  test.each([
    ['with a mask', textGraph({}, { mask: true })],
    ['without a mask', textGraph()],
    ['of a fixed batch of one', textGraph({}, { batch: 1 })],
    ['of a fixed length', textGraph({}, { length: MAX_TOKENS })],
    ['of a fixed batch and length, with a mask', textGraph({}, { batch: 1, length: MAX_TOKENS, mask: true })]
  ])('embeds texts of different lengths in order, by a graph %s', async (_, graph) => {
    const encoder = await create(graph)
    const [red, mixed, cyan] = await encoder.encode(['RED', 'a photo of red and red and blue', 'Cyan!'])
    expect(like(red!, 'red')).toBeCloseTo(1, 5)
    expect(like(cyan!, 'cyan')).toBeCloseTo(1, 5)
    const sum = [1, -3, -1]
    expect(mixed![0]).toBeCloseTo(sum[0]! / Math.hypot(...sum), 5)
    expect(mixed![1]).toBeCloseTo(sum[1]! / Math.hypot(...sum), 5)
  })

  test('embeds nothing where there are no texts', async () => {
    expect(await (await create(textGraph())).encode([])).toEqual([])
  })

  test('reads a word at the last place before the end token, and none after it', async () => {
    const encoder = await create(textGraph())
    const filler = 'x '.repeat(MAX_TOKENS - 3)
    const [last, cut] = await encoder.encode([`${filler}red`, `${filler}x red`])
    expect(like(last!, 'red')).toBeCloseTo(1, 5)
    expect([...cut!]).toEqual(Array.from({ length: DIMS }, () => 0))
  })

  test('has the width that the manifest and the graph agree on', async () => {
    const encoder = await create(textGraph({ dims: 5 }), { dims: 5 })
    expect((await encoder.encode(['red']))[0]).toHaveLength(5)
  })
})

describe('prompt', () => {
  const angela = { name: 'Angela Merkel', description: 'German politician' }

  test('fills the pack\'s prompt of each field', async () => {
    const encoder = await create(textGraph())
    expect(encoder.prompt(angela, 'name')).toBe('a photo of Angela Merkel')
    expect(encoder.prompt(angela, 'name_description')).toBe('a photo of Angela Merkel, German politician')
  })

  test.each([
    ['a photo of {name}, {description}', 'a photo of Angela Merkel'],
    ['{name}: {description}.', 'Angela Merkel.'],
    ['{name} ({description})', 'Angela Merkel'],
    ['{name} – {description}', 'Angela Merkel'],
    ['{description}, {name}', 'Angela Merkel']
  ])('leaves nothing dangling of %j without a description', async (prompt, expected) => {
    const encoder = await create(textGraph(), { prompts: { name: '{name}', name_description: prompt } })
    expect(encoder.prompt({ name: ' Angela Merkel ', description: ' ' }, 'name_description')).toBe(expected)
  })

  test('takes names as they are, whatever they hold', async () => {
    const encoder = await create(textGraph())
    const entity = { name: '$& {description}', description: '$1 {name}' }
    expect(encoder.prompt(entity, 'name_description')).toBe('a photo of $& {description}, $1 {name}')
  })
})

describe('createClipText refuses', () => {
  test.each([
    ['another input name', textGraph({ input: 'text' }),
      /input "input_ids" and, where it has one, "attention_mask", and output "text_embeds".*inputs "text" and outputs "text_embeds"/],
    ['another output name', textGraph({ output: 'pooler_output' }), /inputs "input_ids" and outputs "pooler_output"/],
    ['another width', textGraph({ dims: 5 }), /\[1, 8\].*\[1, 5\]/],
    ['a smaller vocabulary than the tokenizer\'s', textGraph({ vocabulary: 9 }), /ids up to 10.*its own tokenizer.json/]
  ])('a graph with %s', async (_, graph, message) => {
    await expect(create(graph)).rejects.toMatchObject({ code: 'VEL_ERR_WEIGHTS', message: expect.stringMatching(message) })
  })

  test.each(['a photo', '{label}, {name}'])('the prompt %j', async prompt => {
    await expect(create(textGraph(), { prompts: { name: prompt, name_description: '{name}' } })).rejects.toMatchObject({
      code: 'VEL_ERR_PACK',
      message: expect.stringContaining(prompt)
    })
  })
})
