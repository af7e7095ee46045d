// The photos of ../shared/cases, enrolled with the embedded pack.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createEditor } from '../../../src/kb/live/editor.ts'
import { openLiveIndex } from '../../../src/kb/live/live-index.ts'
import { openIndex } from '../../../src/kb/search/open-index.ts'
import { writeIndex } from '../../../src/kb/build/write-index.ts'
import { encoderIdentity } from '../../../src/packs/identity.ts'
import type { KnowledgeBaseEditor } from '../../../src/kb/types.ts'
import { content, seededEntities, temporaryFolder } from '../../helpers/build-small-index.ts'
import { openEmbeddedEncoder } from '../../helpers/embedded-encoder.ts'
import { describeWithShared, shared } from '../../helpers/shared.ts'

async function openEditor (): Promise<KnowledgeBaseEditor> {
  const { encoder, pack, close } = await openEmbeddedEncoder()
  const identity = encoderIdentity(pack.models.face)
  const dir = join(await temporaryFolder(), 'index')
  const face = { encoder: identity, entityRows: new Uint32Array(), read: async () => new Float32Array() }
  await writeIndex(dir, { ...content(seededEntities(2), [], []), spaces: { face } })
  const { recipe } = identity
  const live = await openLiveIndex({ dir, open: async () => await openIndex(dir, {}), recipe, writable: true, say: () => {} })
  onTestFinished(async () => { await live.close(); await close() })
  return createEditor(live, { encoder, judged: pack.models, recipe, embedTexts: null })
}

const read = async (name: string): Promise<Uint8Array> => await readFile(new URL(name, shared))

describeWithShared('enrolment with the embedded pack', () => {
  test('case smiley: a drawing is no reference photo', async () => {
    const editor = await openEditor()
    const added = editor.addImage('Q1', await read('cases/smiley.png'), null)
    await expect(added).rejects.toMatchObject({ code: 'VEL_ERR_UNUSABLE_PHOTO', statusCode: 422 })
  })

  test('case one-person-several-boxes: one clear face is taken, things on a shelf aside', async () => {
    const editor = await openEditor()
    expect(await editor.addImage('Q1', await read('cases/one-person-several-boxes.jpg'), null)).toMatchObject({ created: true, notes: [] })
  })

  test('the reply notes another person under the same id, and the same person under another', async () => {
    const editor = await openEditor()
    await editor.addImage('Q1', await read('data/news/photos/Adrien_Brody_0001.jpg'), null)
    const photo = await read('data/news/photos/Abdullah_Gul_0001.jpg')
    expect((await editor.addImage('Q1', photo, null)).notes).toEqual([expect.stringMatching(/^unlike the person's other photos/) as string])
    expect((await editor.addImage('Q2', photo, null)).notes).toEqual(['nearly the face of Q1 (Person 1): similarity 1.00'])
  })
})
