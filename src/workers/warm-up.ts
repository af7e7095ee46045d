// Runs every graph and every loop of the path before the worker is ready: the first run of a graph plans its memory, and the
// first passes of a loop are not yet compiled. No request has to wait for either.
import sharp from 'sharp'
import { encodeImage, type EncodingSettings } from '../encode/encode-image.ts'
import type { EncodingModels } from '../models/types.ts'
import { batchSizes } from './batcher.ts'

// A small picture warms the same code and lets a replacement worker start sooner.
const WIDTH = 320
const HEIGHT = 240
const FACE = { x1: 100, y1: 60, x2: 220, y2: 200 }
/** The first round takes about three times as long as later ones. */
const ROUNDS = 2

/**
 * Runs every graph: the detector on a whole picture, then landmarks and encoders on given boxes.
 *
 * @param context whether to run the CLIP image encoder too.
 * @param maxBatch largest batch of faces; above 1, every batch size in use is run once.
 */
export async function warmUp (models: EncodingModels, settings: EncodingSettings, context: boolean, maxBatch: number): Promise<void> {
  const picture = await drawPicture()
  for (let round = 0; round < ROUNDS; round++) {
    await encodeImage(picture, {}, models, settings)
    await encodeImage(picture, { boxes: [FACE, FACE], context }, models, settings)
  }
  if (maxBatch === 1) return
  const { width, height } = models.input
  const crop = { data: new Uint8Array(width * height * 3), width, height }
  for (const size of batchSizes(maxBatch)) await models.face.encode(Array.from({ length: size }, () => crop))
}

/** A JPEG of a bright ellipse at `FACE` on grey. */
async function drawPicture (): Promise<Uint8Array> {
  const [width, height] = [FACE.x2 - FACE.x1, FACE.y2 - FACE.y1]
  const ellipse = `<svg width="${width}" height="${height}"><ellipse cx="50%" cy="50%" rx="50%" ry="50%" fill="#c8c8c8"/></svg>`
  return await sharp({ create: { width: WIDTH, height: HEIGHT, channels: 3, background: '#484848' } })
    .composite([{ input: Buffer.from(ellipse), left: FACE.x1, top: FACE.y1 }])
    .jpeg()
    .toBuffer()
}
