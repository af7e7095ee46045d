// The first run of a graph plans its memory, and the first passes of our own loops are not yet compiled. Both happen
// here, before a worker is ready, and not in somebody's request.
import { encodeImage, type EncodingSettings } from '../encode/encode-image.ts'
import type { EncodingModels } from '../models/types.ts'
import { batchSizes } from './batcher.ts'

// A small picture: what is warmed is the same, and a worker that replaces another is there sooner.
const WIDTH = 320
const HEIGHT = 240
const FACE = { x1: 100, y1: 60, x2: 220, y2: 200 }
/** The first round takes some three times as long as any after it. */
const ROUNDS = 2

/** Runs every graph: the detector over a whole picture, then landmarks and encoders on given boxes. */
export async function warmUp (models: EncodingModels, settings: EncodingSettings, context: boolean, maxBatch: number): Promise<void> {
  const picture = drawPicture()
  for (let round = 0; round < ROUNDS; round++) {
    await encodeImage(picture, {}, models, settings)
    await encodeImage(picture, { boxes: [FACE, FACE], context }, models, settings)
  }
  if (maxBatch === 1) return
  const { width, height } = models.input
  const crop = { data: new Uint8Array(width * height * 3), width, height }
  for (const size of batchSizes(maxBatch)) await models.face.encode(Array.from({ length: size }, () => crop))
}

/** An uncompressed TIFF of a bright ellipse on a slope of grey: a few lines of header, no encoder needed. */
function drawPicture (): Uint8Array {
  const entries: ReadonlyArray<readonly [tag: number, value: number]> = [
    [256, WIDTH], [257, HEIGHT], [258, 8], [259, 1], [262, 1], [273, 8], [277, 1], [278, HEIGHT], [279, WIDTH * HEIGHT]
  ]
  const directory = 8 + WIDTH * HEIGHT
  const file = Buffer.alloc(directory + 2 + entries.length * 12 + 4)
  file.write('II*\0', 'latin1')
  file.writeUInt32LE(directory, 4)
  for (let y = 0; y < HEIGHT; y++) for (let x = 0; x < WIDTH; x++) file[8 + y * WIDTH + x] = greyAt(x, y)
  file.writeUInt16LE(entries.length, directory)
  entries.forEach(([tag, value], i) => {
    const at = directory + 2 + i * 12
    file.writeUInt16LE(tag, at)
    file.writeUInt16LE(4, at + 2)
    file.writeUInt32LE(1, at + 4)
    file.writeUInt32LE(value, at + 8)
  })
  return file
}

function greyAt (x: number, y: number): number {
  const dx = (x - (FACE.x1 + FACE.x2) / 2) / (FACE.x2 - FACE.x1)
  const dy = (y - (FACE.y1 + FACE.y2) / 2) / (FACE.y2 - FACE.y1)
  return dx * dx + dy * dy < 0.25 ? 200 : 40 + (x + y) % 64
}
