// The fixture pack through the real loaders: what a whole photo and whole entities become.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSession } from '../../src/runtime/session.ts'
import { dot } from '../../src/math/vector.ts'
import { loadTextEncoder, loadModels, type LoadedTextEncoder, type LoadedModels, type OpenSession } from '../../src/models/load.ts'
import { readPackManifest } from '../../src/packs/manifest.ts'
import { encodeImage } from '../../src/encode/encode-image.ts'
import type { EncodedMention } from '../../src/types.ts'
import { WORDS } from '../helpers/colours.ts'
import { draw } from '../helpers/drawn.ts'
import { makeFixturePack, type FixturePack } from '../helpers/fixture-pack.ts'
import { SETTINGS, TILES } from '../helpers/models.ts'

const open: OpenSession = async graph => await openSession(graph, { providers: ['cpu'], threads: 1 })
const people = Object.keys(WORDS).map(word => ({ name: word, description: 'of the photo' }))
let dir: string
let pack: FixturePack
let models: LoadedModels
let text: LoadedTextEncoder

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'fixture-pack-'))
  pack = await makeFixturePack(dir)
  const manifest = await readPackManifest(pack.name, pack.modelsDir)
  models = await loadModels(manifest, dir, open, TILES)
  text = await loadTextEncoder(manifest, dir, open)
})
afterAll(async () => {
  await Promise.all([models.close(), text.close()])
  await rm(dir, { recursive: true })
})

async function mentionsOf (context: boolean): Promise<readonly EncodedMention[]> {
  const { data, width, height } = draw(600, 300, x => x < 300 ? [255, 0, 0] : [0, 0, 255])
  const photo = await sharp(data, { raw: { width, height, channels: 3 } }).png().toBuffer()
  const boxes = [{ x1: 100, y1: 100, x2: 180, y2: 180 }, { x1: 420, y1: 100, x2: 500, y2: 180 }]
  return (await encodeImage(photo, { boxes, context }, models.models, SETTINGS)).mentions
}

describe('the fixture pack', () => {
  test('says what it is', () => {
    expect(pack.manifest.description).toMatch(/^FIXTURE/)
    expect(models.info.map(i => i.role)).toContain('clipImage')
    const { sha256 } = pack.manifest.models.clipText!.files['model']!
    expect(text.info).toMatchObject({ role: 'clipText', name: 'fixture-clip-colours', sha256 })
  })

  test('brings each mention nearest to the entity of its colour', async () => {
    const names = people.map(({ name }) => name)
    const vectors = await text.encoder.encode(people.map(person => text.encoder.prompt(person, 'name_description')))
    const nearest = (await mentionsOf(true)).map(({ context }) => {
      const similarities = vectors.map(v => dot(v, context!))
      return names[similarities.indexOf(Math.max(...similarities))]
    })
    expect(nearest).toEqual(['red', 'blue'])
  })

  test('embeds no context where none is asked for', async () => {
    expect((await mentionsOf(false)).map(m => m.context)).toEqual([undefined, undefined])
  })

  test('cannot embed texts without a text encoder or one of its files', async () => {
    const { clipText, ...others } = pack.manifest.models
    await expect(loadTextEncoder({ ...pack.manifest, models: others }, dir, open)).rejects.toMatchObject({
      code: 'VEL_ERR_PACK',
      message: expect.stringContaining('received none')
    })
    const { model } = clipText!.files
    const modelOnly = { ...pack.manifest, models: { ...others, clipText: { ...clipText!, files: { model: model! } } } }
    await expect(loadTextEncoder(modelOnly, dir, open)).rejects.toMatchObject({
      code: 'VEL_ERR_PACK',
      message: expect.stringContaining('only "model"')
    })
  })
})
