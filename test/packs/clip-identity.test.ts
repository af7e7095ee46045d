// The identity of CLIP: what changes it and what does not.
import { expect, test } from 'vitest'
import { clipIdentity } from '../../src/packs/identity.ts'
import { readPackManifest, type ClipImageManifest, type ClipTextManifest } from '../../src/packs/manifest.ts'
import { ownModels } from '../helpers/models.ts'

const { models } = await readPackManifest('newsroom', ownModels)
const image = models.clipImage as ClipImageManifest
const text = models.clipText as ClipTextManifest
const recipe = (changedImage: Partial<ClipImageManifest> = {}, changedText: Partial<ClipTextManifest> = {}): string => {
  return clipIdentity({ ...image, ...changedImage }, { ...text, ...changedText }, 'name').recipe
}
const other = { model: { ...image.files['model']!, sha256: '0'.repeat(64) } }

test.each([
  ['the image half\'s weights', { files: other }, {}],
  ['the text half\'s weights', {}, { files: { ...text.files, ...other } }],
  ['the tokenizer', {}, { files: { ...text.files, tokenizer: other.model } }],
  ['the pixels\' scale', { input: { ...image.input, mean: 0 } }, {}],
  ['the field\'s prompt', {}, { prompts: { ...text.prompts, name: 'a picture of {name}' } }],
  ['the longest text', {}, { maxTokens: 32 }]
])('changes with %s', (_, changedImage, changedText) => {
  expect(recipe(changedImage, changedText)).not.toBe(recipe())
})

test('stays the same with another context, licence or prompt of the other field', () => {
  expect(recipe({ context: 'image', licence: 'other' }, { prompts: { ...text.prompts, name_description: '{name}' } })).toBe(recipe())
})

test('differs between the fields', () => {
  expect(clipIdentity(image, text, 'name_description').recipe).not.toBe(recipe())
})

test('needs the hashes of all files', () => {
  expect(() => recipe({ files: { model: { ...other.model, sha256: null } } })).toThrow(expect.objectContaining({ code: 'VEL_ERR_WEIGHTS' }))
})
