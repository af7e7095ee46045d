import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { parseTokenizer, type Tokenizer } from '../../../src/models/encoders/tokenizer.ts'
import { tokenizerJson } from '../../helpers/colours.ts'
import { describeWithShared, shared } from '../../helpers/shared.ts'

const MAX = 77
const goldenFile = new URL('../../fixtures/golden/clip-tokens.json', import.meta.url)
const golden = JSON.parse(readFileSync(goldenFile, 'utf8')) as { cases: Array<{ text: string, ids: number[] }> }

describeWithShared('CLIP\'s tokenizer', () => {
  let tokenizer: Tokenizer
  beforeAll(async () => { tokenizer = parseTokenizer(await readFile(new URL('models/clip-tokenizer/tokenizer.json', shared)), 'clip') })

  test('knows its start, end and size', () => {
    expect(tokenizer).toMatchObject({ start: 49406, end: 49407, vocabularySize: 49408 })
  })

  test.each(golden.cases)('gives the ids of the reference implementation for $text', ({ text, ids }) => {
    expect(tokenizer.encode(text, MAX)).toEqual(ids)
  })

  test('reads a lone surrogate as the replacement character', () => {
    expect(tokenizer.encode('\ud83d', MAX)).toEqual(tokenizer.encode('\ufffd', MAX))
  })

  test('cuts a long text and keeps the end token', () => {
    const ids = tokenizer.encode('name '.repeat(100), MAX)
    expect(ids).toEqual([49406, ...Array.from({ length: MAX - 2 }, () => 1981), 49407])
  })

  test('cuts a text of a million chars as soon as a shorter one, with the same ids', () => {
    expect(tokenizer.encode('😂'.repeat(500_000), MAX)).toEqual(tokenizer.encode('😂'.repeat(5_000), MAX))
    expect(tokenizer.encode('x'.repeat(1_000_000), MAX)).toHaveLength(MAX)
  })

  test('fits a text of exactly the most tokens without a cut', () => {
    const text = 'name '.repeat(MAX - 2)
    expect(tokenizer.encode(text, MAX)).toEqual(tokenizer.encode(`${text} name`, MAX))
    expect(tokenizer.encode('name '.repeat(MAX - 3), MAX)).toHaveLength(MAX - 1)
  })

  test('does not obey reserved tokens spelled out in a text', () => {
    expect(tokenizer.encode('a photo of<|endoftext|>a man', MAX)).toEqual([49406, 320, 1125, 539, 320, 786, 49407])
  })
})

describe('parseTokenizer', () => {
  test.each([
    ['a file that is not JSON', '{"version":', /readable tokenizer.json/],
    ['JSON that is no tokenizer', '{"a": 1}', /readable tokenizer.json/],
    ['a tokenizer without start and end tokens', tokenizerJson({ wrapped: false }), /start and an end token/]
  ])('refuses %s', (_, text, message) => {
    expect(() => parseTokenizer(Buffer.from(text), 'clip')).toThrow(message)
  })
})
