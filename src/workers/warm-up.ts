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
/**
 * Runs every graph: the detector on a whole picture, then landmarks and encoders on given boxes.
 *
 * @param context whether to run the CLIP image encoder too.
 * @param maxBatch largest batch of faces; above 1, every batch size in use is run once.
 */
export async function warmUp (models: EncodingModels, settings: EncodingSettings, context: boolean, maxBatch: number): Promise<void> {
  const picture = await drawPicture()
  // Nothing in it is a face, so that each call goes through the picture and its three turns: no loop runs once only.
  await encodeImage(picture, {}, models, settings)
  await encodeImage(picture, { boxes: [FACE, FACE], context }, models, settings)
  if (maxBatch === 1) return
  const { width, height } = models.input
  const crop = { data: new Uint8Array(width * height * 3), width, height }
  for (const size of batchSizes(maxBatch)) await models.face.encode(Array.from({ length: size }, () => crop))
}

/** A JPEG of a bright rectangle at `FACE` on grey. */
async function drawPicture (): Promise<Uint8Array> {
  const face = { width: FACE.x2 - FACE.x1, height: FACE.y2 - FACE.y1, channels: 3 as const, background: '#c8c8c8' }
  return await sharp({ create: { width: WIDTH, height: HEIGHT, channels: 3, background: '#484848' } })
    .composite([{ input: { create: face }, left: FACE.x1, top: FACE.y1 }])
    .jpeg()
    .toBuffer()
}
