import { mkdtemp, readdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Box, EncodedMention, MentionEncoder } from '../../../src/types.ts'
import { encodeQueries, nearestCentre } from '../../../src/eval/data/encode-queries.ts'
import { createPhotoCache } from '../../../src/eval/data/photo-cache.ts'
import type { Query } from '../../../src/eval/data/queries.ts'
import { errors } from '../../../src/errors.ts'
import { mentionOf } from '../../helpers/memory-kb.ts'

let folder: string
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'vel-encode-')) })

/** Photos here are text: the direction of the face; `none` has no face, `junk` cannot be decoded. */
function textEncoder (): MentionEncoder & { calls: number } {
  const encoder = {
    calls: 0,
    async encode (bytes: Uint8Array, options: { boxes?: readonly Box[] | undefined } = {}) {
      encoder.calls++
      const text = Buffer.from(bytes).toString()
      if (text === 'junk') throw errors.undecodable('junk')
      const mention = (box: Box): EncodedMention =>
        mentionOf([Math.cos(Number(text) + box.x1), Math.sin(Number(text) + box.x1)], undefined, box)
      const boxes = options.boxes ?? (text === 'none' ? [] : [{ x1: 0, y1: 0, x2: 10, y2: 10 }, { x1: 40, y1: 40, x2: 60, y2: 60 }])
      const found = { mentions: boxes.map(mention), facesFound: boxes.length, facesRejected: 0, turnedBy: 0 as const }
      return { width: 100, height: 100, ...found, timings: {} }
    },
    close: async () => {}
  }
  return encoder
}

async function photo (name: string, text: string, box: Box | null = null): Promise<Query> {
  await writeFile(join(folder, name), text)
  return { image: name, path: join(folder, name), box, entityId: 'Q1', file: 'f' }
}

const options = { context: false, concurrency: 2 }

describe('encoding queries', () => {
  it('takes the face nearest the centre, or the one in the box, in order', async () => {
    const box = { x1: 1, y1: 1, x2: 5, y2: 5 }
    const queries = [await photo('a', '1'), await photo('b', '2', box), { ...await photo('b', '2', { ...box, x1: 2 }), entityId: 'Q2' }]
    const encoder = textEncoder()
    const { answers } = await encodeQueries(queries, encoder, { ...options, cache: null })
    expect(answers.map(a => a.mention!.box.x1)).toEqual([40, 1, 2])
    expect(answers.map(a => a.query.entityId)).toEqual(['Q1', 'Q1', 'Q2'])
    expect(encoder.calls).toBe(2)
  })

  it('tells what is missing, without a face, unreadable, and the same under another name', async () => {
    const queries = [
      await photo('a', '1'),
      await photo('none', 'none'),
      await photo('junk', 'junk'),
      await photo('copy', '1'),
      { ...await photo('x', ''), path: join(folder, 'absent'), image: 'absent' }
    ]
    const encoded = await encodeQueries(queries, textEncoder(), { ...options, cache: null })
    expect(encoded).toMatchObject({ missing: ['absent'], noFace: ['none'], samePhoto: ['copy'] })
    expect(encoded.unreadable).toEqual([expect.stringMatching(/^junk: Expected a whole, readable image/)])
    expect(encoded.answers.map(a => [a.query.image, a.mention === null])).toEqual([['a', false], ['none', true], ['junk', true]])
  })

  it('cuts boxes that reach over the edge, and tells of photos whose boxes lie outside', async () => {
    const path = join(folder, 'grey.png')
    await sharp({ create: { width: 60, height: 40, channels: 3, background: '#777' } }).png().toFile(path)
    const seen: Array<readonly Box[] | undefined> = []
    const encoder: MentionEncoder = {
      async encode (_bytes, { boxes } = {}) {
        seen.push(boxes)
        if (boxes!.some(b => b.x2 > 60)) throw errors.badBoxes('boxes inside the picture of 60x40 px', 'another')
        return {
          width: 60,
          height: 40,
          mentions: boxes!.map(box => mentionOf([1, 0], undefined, box)),
          facesFound: boxes!.length,
          facesRejected: 0,
          turnedBy: 0,
          timings: {}
        }
      },
      close: async () => {}
    }
    const over = { image: 'over', path, box: { x1: -2.5, y1: 5, x2: 20, y2: 44 }, entityId: 'Q1', file: 'f' }
    const fine = { ...over, box: { x1: 30, y1: 5, x2: 60, y2: 40 }, entityId: 'Q2' }
    const cut = await encodeQueries([over, fine], encoder, { ...options, cache: null })
    expect(seen).toEqual([[{ x1: 0, y1: 5, x2: 20, y2: 40 }, fine.box]])
    expect(cut).toMatchObject({ cut: ['over'], unreadable: [] })
    expect(cut.answers.map(a => a.mention!.box.x1)).toEqual([0, 30])
    const outside = await encodeQueries([{ ...over, box: { x1: 70, y1: 5, x2: 90, y2: 9 } }], encoder, { ...options, cache: null })
    expect(outside).toMatchObject({ cut: [], unreadable: [expect.stringContaining('inside the picture of 60x40')] })
    expect(outside.answers[0]!.mention).toBeNull()
  })

  it('lets faults that are not the photo\'s through', async () => {
    const failing: MentionEncoder = { encode: async () => { throw errors.workerDied('9') }, close: async () => {} }
    await expect(encodeQueries([await photo('a', '1')], failing, { ...options, cache: null })).rejects.toThrow('worker')
  })
})

describe('the cache of encoded photos', () => {
  const cache = (): ReturnType<typeof createPhotoCache> => createPhotoCache(join(folder, 'cache'), 'recipe')

  it('gives the same again without the encoder, also of photos that cannot be encoded', async () => {
    const queries = [await photo('a', '1'), await photo('b', '2'), await photo('none', 'none'), await photo('junk', 'junk')]
    const first = await encodeQueries(queries, textEncoder(), { ...options, cache: cache() })
    const again = textEncoder()
    const second = await encodeQueries(queries, again, { ...options, cache: cache() })
    expect(second).toEqual(first)
    expect(again.calls).toBe(0)
    expect(second.unreadable).toHaveLength(1)
  })

  it('keeps recipes, boxes and contexts apart', async () => {
    const key = { sha256: 'ab', options: {} }
    const image = await textEncoder().encode(Buffer.from('1'))
    await cache().put(key, image)
    expect(await cache().get(key)).toEqual(image)
    expect(await createPhotoCache(join(folder, 'cache'), 'other').get(key)).toBeUndefined()
    expect(await cache().get({ ...key, options: { context: true } })).toBeUndefined()
    expect(await cache().get({ ...key, options: { boxes: [{ x1: 0, y1: 0, x2: 1, y2: 1 }] } })).toBeUndefined()
  })

  it('takes a torn entry for none', async () => {
    const key = { sha256: 'ab', options: {} }
    await cache().put(key, await textEncoder().encode(Buffer.from('1')))
    const home = join(folder, 'cache', 'recipe', 'ab')
    await writeFile(join(home, (await readdir(home))[0]!), '{"width": 1')
    expect(await cache().get(key)).toBeUndefined()
  })
})

describe('the face nearest the centre', () => {
  it('is the first, larger one of two as near, and none of none', () => {
    const at = (x1: number): EncodedMention => mentionOf([1, 0], undefined, { x1, y1: 40, x2: x1 + 20, y2: 60 })
    const image = { width: 100, height: 100, facesFound: 2, facesRejected: 0, turnedBy: 0 as const, timings: {} }
    expect(nearestCentre({ ...image, mentions: [at(20), at(60)] })!.box.x1).toBe(20)
    expect(nearestCentre({ ...image, mentions: [] })).toBeNull()
  })
})
