import { expect, test } from 'vitest'
import { measureGivenCaptions } from '../../../src/eval/captions/measure.ts'
import type { EncodedQuery } from '../../../src/eval/data/encode-queries.ts'
import { openIndex } from '../../../src/kb/search/open-index.ts'
import { writeHintedIndex } from '../../helpers/hinted-linker.ts'
import { mentionOf } from '../../helpers/memory-kb.ts'
import { vectors } from '../../helpers/open-live-index.ts'

const encoded = (image: string, vector: number, entityId: string | null, known: object = {}): EncodedQuery => ({
  query: { image, path: image, box: null, entityId, file: 'f', ...known },
  mention: mentionOf([...vectors[vector]!])
})

test('links are counted without and with the captions of the query files, and not at all where there are none', async () => {
  const kb = await openIndex(await writeHintedIndex(), {})
  expect(await measureGivenCaptions(kb, [encoded('a', 0, 'Q1')])).toBeUndefined()
  const report = await measureGivenCaptions(kb, [
    encoded('a', 0, 'Q1', { caption: 'Zacharias Zenith and Yolanda Ypsilon' }),
    encoded('a', 1, 'Q2', { caption: 'Zacharias Zenith and Yolanda Ypsilon' }),
    encoded('b', 0, 'Q1'),
    encoded('c', 2, 'Q3', { caption: 'Xenia Ximenes', takenAt: '1950' }),
    encoded('d', 30, null, { caption: 'Zacharias Zenith' })
  ])
  expect(report).toEqual({
    members: [{ captions: 'none', members: 4, right: 0, wrong: 0 }, { captions: 'of the query files', members: 4, right: 0.5, wrong: 0 }],
    strangers: [{ captions: 'none', photos: 1, linked: 0 }, { captions: 'of the query files', photos: 1, linked: 0 }]
  })
  await kb.close()
})
