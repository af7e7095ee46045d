import { describe, expect, test } from 'vitest'
import { defaultMode, missingFor, planRanking, servableModes, textSpaceOf } from '../../src/link/plan.ts'
import type { LinkOptions, Mode, Order } from '../../src/types.ts'

const facePack = { models: { face: { dims: 512 } } }
const clipPack = { models: { face: { dims: 512 }, clipImage: { dims: 8 } } }
const faces = { dims: { face: 512 } }
const texts = { dims: { name: 8 } }
const both = { dims: { face: 512, name: 8, name_description: 8 } }

describe('servableModes', () => {
  test.each([
    ['faces and texts, with CLIP', both, clipPack, ['v2v', 'v2t', 'v2vt'], 'v2vt'],
    ['faces and texts, without CLIP', both, facePack, ['v2v'], 'v2v'],
    ['faces alone', faces, clipPack, ['v2v'], 'v2v'],
    ['texts alone', texts, clipPack, ['v2t'], 'v2t'],
    ['texts alone, without CLIP', texts, facePack, [], 'v2v'],
    ['texts of another width', { dims: { face: 512, name: 512 } }, clipPack, ['v2v'], 'v2v'],
    ['faces of another width', { dims: { face: 128, name: 8 } }, clipPack, ['v2t'], 'v2t']
  ])('of an index with %s', (_, kb, pack, expected, best) => {
    expect(servableModes(kb, pack)).toEqual(expected)
    expect(defaultMode(servableModes(kb, pack))).toBe(best)
  })
})

test('textSpaceOf takes names with descriptions where the index has them', () => {
  expect(textSpaceOf(both)).toBe('name_description')
  expect(textSpaceOf(texts)).toBe('name')
})

describe('planRanking', () => {
  test.each([
    [{}, { mode: 'v2vt', order: 'fusion', rerankK: 100, topK: 5 }],
    [{ order: 'face-text' }, { mode: 'v2vt', order: 'face-text', rerankK: 600, topK: 5 }],
    [{ order: 'text-face' }, { mode: 'v2vt', order: 'text-face', rerankK: 50, topK: 5 }],
    [{ mode: 'v2v', topK: 1 }, { mode: 'v2v', order: 'fusion', rerankK: 100, topK: 1 }],
    [{ order: 'fusion', rerankK: 7, topK: 9 }, { mode: 'v2vt', order: 'fusion', rerankK: 9, topK: 9 }],
    [{ order: 'text-face', rerankK: 7 }, { mode: 'v2vt', order: 'text-face', rerankK: 7, topK: 5 }]
  ] satisfies Array<[LinkOptions, object]>)('fills in %j', (options, expected) => {
    expect(planRanking(options, both, clipPack)).toEqual({ ...expected, textSpace: 'name_description' })
  })

  test.each([
    [{ mode: 'v3v' as Mode }, /one of v2v, v2t, v2vt for "mode", received "v3v"/],
    [{ order: 'random' as Order }, /one of face-text, text-face, fusion for "order", received "random"/],
    [{ rerankK: 0 }, /whole number from 1 for "rerankK", received 0/],
    [{ rerankK: -3 }, /"rerankK", received -3/],
    [{ rerankK: 1.5 }, /"rerankK", received 1.5/],
    [{ topK: NaN }, /"topK", received NaN/],
    [{ topK: Infinity }, /"topK", received Infinity/]
  ])('refuses %j', (options, message) => {
    expect(() => planRanking(options, both, clipPack)).toThrow(expect.objectContaining({
      code: 'VEL_ERR_BAD_OPTION',
      statusCode: 400,
      message: expect.stringMatching(message)
    }))
  })

  test('says all that is missing for a mode that cannot be served', () => {
    expect(() => planRanking({ mode: 'v2vt' }, faces, facePack)).toThrow(expect.objectContaining({
      code: 'VEL_ERR_MODE_UNAVAILABLE',
      statusCode: 422,
      message: expect.stringMatching(/\(v2v\), received v2vt: the model pack has no CLIP image encoder; the index has no text vectors$/)
    }))
    expect(missingFor('v2vt', { dims: {} }, facePack)).toHaveLength(3)
    expect(missingFor('v2t', { dims: { name: 512 } }, clipPack))
      .toEqual(['the index has text vectors of 512 dimensions, the model pack makes 8'])
  })
})
