import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readQueries } from '../../../src/eval/data/queries.ts'
import { describeWithShared, shared } from '../../helpers/shared.ts'

async function fileWith (text: string): Promise<string> {
  const file = join(await mkdtemp(join(tmpdir(), 'vel-queries-')), 'queries.jsonl')
  await writeFile(file, text)
  return file
}

const line = (image: string, id: string | null = 'Q1', box?: number[]): string =>
  JSON.stringify({ image, mentions: [{ id, ...(box !== undefined && { box }) }] })

describe('query lines', () => {
  it('are read with blank lines, carriage returns and a byte order mark', async () => {
    const file = await fileWith(`\uFEFF${line('a.jpg')}\r\n\r\n${line('b/c.jpg', null, [1, 2, 3, 4.5])}\r\n`)
    const { queries } = await readQueries(file)
    expect(queries.map(q => [q.image, q.entityId, q.box])).toEqual([
      ['a.jpg', 'Q1', null],
      ['b/c.jpg', null, { x1: 1, y1: 2, x2: 3, y2: 4.5 }]
    ])
    expect(queries[1]!.path).toBe(resolve(file, '..', 'b/c.jpg'))
  })

  it('have a caption and a day for all mentions of a photo', async () => {
    const known = { caption: 'Zenith, left', takenAt: '2004-03' }
    const mentions = [{ id: 'Q1', box: [0, 0, 1, 1] }, { id: null, box: [2, 2, 3, 3] }]
    const { queries } = await readQueries(await fileWith(`${JSON.stringify({ image: 'a.jpg', mentions, ...known })}\n${line('b.jpg')}`))
    expect(queries.map(({ caption, takenAt }) => [caption, takenAt])).toEqual([
      ['Zenith, left', '2004-03'], ['Zenith, left', '2004-03'], [undefined, undefined]
    ])
  })

  it.each([
    [{ caption: 'a'.repeat(10_001) }, /a caption of at most 10000 characters/], [{ caption: 5 }, /expected string/],
    [{ takenAt: '2023-02-30' }, /a day such as 2004-03-31/], [{ takenAt: 'yesterday' }, /a day such as 2004-03-31/]
  ])('with %j are broken', async (known, message) => {
    await expect(readQueries(await fileWith(JSON.stringify({ ...JSON.parse(line('a.jpg')), ...known })))).rejects.toThrow(message)
  })

  it('give one query a mention', async () => {
    const file = await fileWith(
      JSON.stringify({
        image: 'a.jpg',
        mentions: [
          { id: 'Q1', box: [0, 0, 1, 1] },
          { id: null, box: [2, 2, 3, 3] }
        ]
      })
    )
    expect((await readQueries(file)).queries.map(q => q.entityId)).toEqual(['Q1', null])
  })

  it.each([
    ['{"image": "a.jpg", "mentions": [{"id": "Q1"}]', 'not JSON'],
    ['["a.jpg"]', 'Invalid input'],
    ['{"image": "a.jpg"}', 'mentions'],
    ['{"image": "a.jpg", "mentions": []}', 'mentions'],
    ['{"image": "", "mentions": [{"id": "Q1"}]}', 'image'],
    ['{"image": "a.jpg", "mentions": [{"id": "207"}]}', 'Q207'],
    ['{"image": "a.jpg", "mentions": [{"id": "Q1", "box": [3, 3, 1, 1]}]}', 'x2 > x1'],
    ['{"image": "a.jpg", "mentions": [{"id": "Q1", "box": [0, 0, 1]}]}', 'box'],
    ['{"image": "a.jpg", "mentions": [{"id": "Q1"}, {"id": "Q2"}]}', 'a box for each mention']
  ])('that are broken are refused with their line number: %s', async (broken, reason) => {
    const file = await fileWith(`${line('a.jpg')}\n\n${broken}\n${line('c.jpg')}\n`)
    await expect(readQueries(file)).rejects.toThrow(/line 3: /)
    await expect(readQueries(file)).rejects.toThrow(reason)
    const kept = await readQueries(file, { skipBroken: true })
    expect(kept.queries.map(q => q.image)).toEqual(['a.jpg', 'c.jpg'])
    expect(kept.problems).toHaveLength(1)
  })

  it('that repeat are left out and told, also when they contradict', async () => {
    const file = await fileWith([line('a.jpg'), line('a.jpg'), line('./a.jpg', 'Q2'), line('a.jpg', 'Q1', [0, 0, 1, 1])].join('\n'))
    const { queries, duplicates } = await readQueries(file)
    expect(queries.map(q => q.box)).toEqual([null, { x1: 0, y1: 0, x2: 1, y2: 1 }])
    expect(duplicates).toEqual(['a.jpg', './a.jpg (Q1 before, Q2 now)'])
  })

  it.each(['', '\n\n', '[]'])('are refused where there are none: %j', async text => {
    await expect(readQueries(await fileWith(text))).rejects.toThrow('an empty file')
  })

  it('are refused where all are broken, even when broken ones may be skipped', async () => {
    await expect(readQueries(await fileWith('x\ny'), { skipBroken: true })).rejects.toThrow('line 2: not JSON')
  })

  it('are refused where the file is not there, or a folder', async () => {
    await expect(readQueries('/nowhere/at/all.jsonl')).rejects.toThrow('ENOENT')
    await expect(readQueries(tmpdir())).rejects.toThrow('EISDIR')
  })

  it('name at most ten faults', async () => {
    await expect(readQueries(await fileWith('x\n'.repeat(25)))).rejects.toThrow(/25 broken:[^]*line 10: not JSON\n {2}and 15 more/)
  })
})

describe('WIKIPerson', () => {
  const item = { id: 0, image: '1.jpg', boundingbox: '[1.5, 2, 30, 40]', wikiid: 'Q42' }

  it('is read with its boxes, photos in a folder of their own', async () => {
    const { queries } = await readQueries(await fileWith(JSON.stringify([item])), { imagesDir: '/photos' })
    expect(queries).toMatchObject([{ path: '/photos/1.jpg', entityId: 'Q42', box: { x1: 1.5, y1: 2, x2: 30, y2: 40 } }])
  })

  it('is refused with the item at fault', async () => {
    await expect(readQueries(await fileWith(JSON.stringify([item, { ...item, boundingbox: '1, 2, 3, 4' }])))).rejects.toThrow(
      /item 2: .*a box as/
    )
    await expect(readQueries(await fileWith('[{"id": 0,'))).rejects.toThrow('broken JSON that begins with "["')
  })
})

describeWithShared('the released test annotations of WIKIPerson', () => {
  it('are read whole', async () => {
    const { queries, duplicates } = await readQueries(new URL('data/wikiperson/WIKIPerson_Test.json', shared).pathname)
    expect(queries.length + duplicates.length).toBe(6142)
  })
})
