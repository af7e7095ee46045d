import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { errors } from '../../../src/errors.ts'
import { encodePhotos } from '../../../src/kb/build/encode-photos.ts'
import { openPhotoCheckpoint } from '../../../src/kb/build/photo-checkpoint.ts'
import { dominantFace } from '../../../src/kb/dominant-face.ts'
import type { EncodedImage, MentionEncoder } from '../../../src/types.ts'
import { mentionOf } from '../../helpers/memory-kb.ts'
import { temporaryFolder } from '../../helpers/build-small-index.ts'

const NOBODY: EncodedImage = { width: 8, height: 8, mentions: [], facesFound: 0, facesRejected: 0, turnedBy: 0, timings: {} }

type FailsAt = (text: string, asked: number) => boolean

/** Encodes photos with an encoder that fails at some of them. `asked`: its calls for each photo. */
async function build (photos: Record<string, string>, failsAt: FailsAt, error = errors.workerDied('SIGSEGV')) {
  const folder = await temporaryFolder()
  for (const [name, text] of Object.entries(photos)) await writeFile(join(folder, name), text)
  const asked = new Map<string, number>()
  const encoder: MentionEncoder = {
    async encode (bytes) {
      const text = Buffer.from(bytes).toString()
      asked.set(text, (asked.get(text) ?? 0) + 1)
      if (failsAt(text, asked.get(text)!)) throw error
      return NOBODY
    },
    close: async () => {}
  }
  const log = await openPhotoCheckpoint(join(folder, 'work'), 'recipe')
  const entity = { id: 'Q1', name: 'One', description: '', aliases: [] }
  try {
    const references = Object.keys(photos).map(label => ({ label, path: join(folder, label) }))
    const results = await encodePhotos([{ entity, photos: references }], encoder, { face: {} }, log, 1, () => {})
    return { outcomes: results.map(r => r.outcome), asked }
  } finally {
    await log.close()
  }
}

it('reports a photo that kills two workers, and goes on with the rest', async () => {
  const { outcomes, asked } = await build({ 'a.jpg': 'deadly', 'b.jpg': 'harmless' }, text => text === 'deadly')
  expect(outcomes[0]).toMatchObject({ kind: 'none', reason: 'unreadable', detail: expect.stringContaining('SIGSEGV') as string })
  expect(outcomes[1]).toMatchObject({ kind: 'none', reason: 'no face' })
  expect(asked.get('deadly')).toBe(2)
})

it('does not blame a photo whose worker died once', async () => {
  const { outcomes } = await build({ 'a.jpg': 'unlucky' }, (_, asked) => asked === 1)
  expect(outcomes[0]).toMatchObject({ kind: 'none', reason: 'no face' })
})

it('prefers a face that lacks nothing to a more prominent one that says too little', () => {
  const [poor, small] = [{ x1: 100, y1: 100, x2: 300, y2: 300 }, { x1: 10, y1: 10, x2: 50, y2: 50 }]
  const mentions = [{ ...mentionOf([1], undefined, poor), lacks: 'a face that says too little' }, mentionOf([1], undefined, small)]
  expect(dominantFace({ width: 400, height: 400, mentions })!.box).toEqual(small)
  expect(dominantFace({ width: 400, height: 400, mentions: mentions.slice(0, 1) })!.box).toEqual(poor)
})

it('tells a folder and an address from a missing photo', async () => {
  const folder = await temporaryFolder()
  const log = await openPhotoCheckpoint(join(folder, 'work'), 'recipe')
  const encoder = { encode: async () => NOBODY, close: async () => {} }
  const photos = ['', 'https://images.example.org/a.jpg', 'a\\b.jpg', 'a.jpg'].map(label => ({ label, path: join(folder, label) }))
  const entity = { id: 'Q1', name: 'One', description: '', aliases: [] }
  const outcomes = (await encodePhotos([{ entity, photos }], encoder, { face: {} }, log, 1, () => {})).map(({ outcome }) => outcome)
  await log.close()
  expect(outcomes).toMatchObject([
    { reason: 'unreadable', detail: 'a folder, not a file' },
    { reason: 'missing', detail: expect.stringContaining('it is an address') as string },
    { reason: 'missing', detail: expect.stringContaining('backslashes, which separate folders on Windows only: write a/b.jpg') as string },
    { reason: 'missing', detail: 'no such file' }
  ])
})

it('ends at any other error, so that the next run resumes there', async () => {
  const built = build({ 'a.jpg': 'any' }, () => true, errors.notReady('it is shutting down'))
  await expect(built).rejects.toMatchObject({ code: 'VEL_ERR_NOT_READY' })
})
