// The published CLIP weights, where MODELS_DIR holds a pack with them: `npm run vel -- models fetch newsroom`.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSession } from '../../../src/runtime/session.ts'
import { Pyramid } from '../../../src/image/pyramid.ts'
import { dot } from '../../../src/math/vector.ts'
import { createClipImage } from '../../../src/models/encoders/clip-image.ts'
import { loadTextEncoder, type LoadedTextEncoder } from '../../../src/models/load.ts'
import { readPackManifest } from '../../../src/packs/manifest.ts'
import { createBicubic } from '../../../src/image/bicubic.ts'
import { cropContext } from '../../../src/encode/context.ts'
import type { ClipImageEncoder } from '../../../src/models/types.ts'
import type { Session } from '../../../src/runtime/types.ts'
import { draw } from '../../helpers/drawn.ts'
import { ownModels } from '../../helpers/models.ts'

const modelsDir = process.env['MODELS_DIR'] ?? ownModels
const pack = await readPackManifest('newsroom', modelsDir)
const { clipImage, clipText } = pack.models
const present = [clipImage, clipText].every(model =>
  model !== undefined && Object.values(model.files).every(file => existsSync(join(modelsDir, file.path))))
if (!present) console.warn('SKIPPED: tests of the published CLIP weights, which are not in MODELS_DIR')

describe.skipIf(!present)('the published CLIP ViT-B/32', () => {
  const open = async (graph: Uint8Array | string): Promise<Session> => await openSession(graph, { providers: ['cpu'], threads: 1 })
  let session: Session
  let image: ClipImageEncoder
  let text: LoadedTextEncoder
  beforeAll(async () => {
    session = await open(join(modelsDir, clipImage!.files['model']!.path))
    image = createClipImage(session, clipImage!, pack.name)
    text = await loadTextEncoder(pack, modelsDir, open)
  })
  afterAll(async () => { await Promise.all([session.close(), text.close()]) })

  test('brings drawn pictures nearest to what they show', async () => {
    const shown = ['a red square', 'a blue square', 'a green circle on a white background', 'a black and white chequerboard']
    const pictures = [
      draw(300, 300, () => [230, 20, 20]),
      draw(300, 300, () => [20, 20, 230]),
      draw(300, 300, (x, y) => Math.hypot(x - 150, y - 150) < 90 ? [10, 160, 40] : [255, 255, 255]),
      draw(300, 300, (x, y) => (Math.floor(x / 40) + Math.floor(y / 40)) % 2 === 0 ? [0, 0, 0] : [255, 255, 255])
    ]
    const whole = { x1: 0, y1: 0, x2: 300, y2: 300 }
    const contexts = await image.encode(pictures.map(p => cropContext(new Pyramid(p), whole, 1, 224, createBicubic())))
    const texts = await text.encoder.encode(shown)
    const nearest = contexts.map(context => {
      const similarities = texts.map(t => dot(t, context))
      return shown[similarities.indexOf(Math.max(...similarities))]
    })
    expect(nearest).toEqual(shown)
  })
})
