import { expect, onTestFinished, test } from 'vitest'
import { createEditor } from '../../../src/kb/live/editor.ts'
import type { EncodedImage } from '../../../src/types.ts'
import { mentionOf } from '../../helpers/memory-kb.ts'
import { identity } from '../../helpers/build-small-index.ts'
import { openSmall, vectors, writeSmallIndex } from '../../helpers/open-live-index.ts'

test('a photo that is encoded while its person is deleted is not added', async () => {
  const live = await openSmall(await writeSmallIndex())
  onTestFinished(live.close)
  let finish!: (image: EncodedImage) => void
  const encoded = new Promise<EncodedImage>(resolve => { finish = resolve })
  const encoder = { encode: async () => await encoded, close: async () => {} }
  const editor = createEditor(live, { encoder, judged: { face: {} }, recipe: identity.recipe, embedTexts: null })
  const adding = editor.addImage('Q1', Buffer.from('a photo'), null)
  await editor.remove('Q1')
  const mention = { ...mentionOf([]), face: vectors[30]!, quality: { faceSizePx: 100, sharpness: 100 } }
  finish({ width: 640, height: 480, mentions: [mention], facesFound: 1, facesRejected: 0, turnedBy: 0, timings: {} })
  await expect(adding).rejects.toMatchObject({ code: 'VEL_ERR_NOT_FOUND' })
  // Put again, the person has no photos.
  await editor.put('Q1', { name: 'Person 1' })
  expect(live.view().images('Q1')).toEqual([])
})
