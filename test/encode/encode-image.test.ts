import { readFile } from 'node:fs/promises'
import sharp, { type Sharp } from 'sharp'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { EncodedImage } from '../../src/types.ts'
import { encodeImage } from '../../src/encode/encode-image.ts'
import { dot } from '../../src/math/vector.ts'
import { iou } from '../../src/image/box.ts'
import type { LoadedModels } from '../../src/models/load.ts'
import { loadPack, SETTINGS } from '../helpers/models.ts'
import { composeCollage, spread, type Collage, type CollagePhoto } from '../helpers/collage.ts'
import { describeWithShared, shared } from '../helpers/shared.ts'

let loaded: LoadedModels
beforeAll(async () => { loaded = await loadPack('embedded') })
afterAll(async () => { await loaded.close() })

const encode = async (bytes: Uint8Array, options = {}): Promise<EncodedImage> => await encodeImage(bytes, options, loaded.models, SETTINGS)
const photo = async (path: string): Promise<Buffer> => await readFile(new URL(`data/${path}`, shared))

it('finds nobody in an empty picture, of any shape', async () => {
  for (const [width, height] of [[1, 1], [3, 2000], [640, 480]] as const) {
    const bytes = await sharp({ create: { width, height, channels: 3, background: '#7a8a9a' } }).png().toBuffer()
    expect(await encode(bytes)).toMatchObject({ width, height, mentions: [], facesFound: 0, facesRejected: 0, turnedBy: 0 })
  }
})

describeWithShared('one news photo', () => {
  it('gives a box in whole px, landmarks in order and a unit embedding', async () => {
    const { mentions } = await encode(await photo('cross/photos/George_W_Bush_0001.jpg'))
    expect(mentions).toHaveLength(1)
    const { box, landmarks: [leftEye, rightEye, nose, leftMouth, rightMouth], face, quality, detectionScore } = mentions[0]!
    for (const v of Object.values(box)) expect(Number.isInteger(v)).toBe(true)
    expect(leftEye.x).toBeLessThan(nose.x)
    expect(rightEye.x).toBeGreaterThan(nose.x)
    expect(leftMouth.x).toBeLessThan(rightMouth.x)
    expect(Math.max(leftEye.y, rightEye.y)).toBeLessThan(nose.y)
    expect(nose.y).toBeLessThan(Math.min(leftMouth.y, rightMouth.y))
    expect(dot(face, face)).toBeCloseTo(1, 5)
    expect(quality.faceSizePx).toBe(Math.min(box.x2 - box.x1, box.y2 - box.y1))
    expect(quality.sharpness).toBeGreaterThan(0)
    expect(detectionScore).toBeGreaterThan(0.7)
  })

  it('sent back as a box gives the same embedding and no detection score', async () => {
    const bytes = await photo('cross/photos/George_W_Bush_0001.jpg')
    const [found] = (await encode(bytes)).mentions
    const [given] = (await encode(bytes, { boxes: [found!.box] })).mentions
    expect(given!.box).toEqual(found!.box)
    expect(given!.landmarks).toEqual(found!.landmarks)
    expect([...given!.face]).toEqual([...found!.face])
    expect(given!.detectionScore).toBeNull()
  })

  it('refuses a box outside the picture', async () => {
    const bytes = await photo('cross/photos/George_W_Bush_0001.jpg')
    await expect(encode(bytes, { boxes: [{ x1: 10, y1: 10, x2: 251, y2: 60 }] })).rejects.toMatchObject({
      code: 'VEL_ERR_BAD_BOXES',
      message: expect.stringContaining('250x250')
    })
  })

  it('is blurred: its sharpness falls', async () => {
    const bytes = await photo('cross/photos/George_W_Bush_0001.jpg')
    const box = (await encode(bytes)).mentions[0]!.box
    const sharpness = async (b: Buffer): Promise<number> => (await encode(b, { boxes: [box] })).mentions[0]!.quality.sharpness
    expect(await sharpness(await sharp(bytes).blur(3).png().toBuffer())).toBeLessThan(await sharpness(bytes) / 3)
  })
})

describeWithShared('a sheet of 16 faces turned by 90 degrees', () => {
  const sheet = async (maxFaces: number): Promise<EncodedImage> =>
    await encodeImage(await readFile(new URL('cases/sideways-sheet-16.jpg', shared)), {}, loaded.models, { ...SETTINGS, maxFaces })

  it('is turned back', async () => {
    const { mentions, facesFound, turnedBy } = await sheet(100)
    expect(turnedBy).toBe(270)
    expect(mentions.length).toBeGreaterThanOrEqual(16)
    expect(facesFound).toBeGreaterThanOrEqual(mentions.length)
  })

  it.each([1, 5])('has at most %d mentions where that is the cap, and all faces counted', async maxFaces => {
    const { mentions, facesFound } = await sheet(maxFaces)
    expect(mentions).toHaveLength(maxFaces)
    expect(facesFound).toBeGreaterThanOrEqual(16)
  })
})

describeWithShared('a 4000x3000 picture of 24 news photos, faces of 40 to 500 px', () => {
  let collage: Collage
  let jpeg: Buffer
  let result: EncodedImage
  let lossless: EncodedImage
  const upright = (): Sharp => sharp(collage.raw, { raw: { width: 4000, height: 3000, channels: 3 } })

  beforeAll(async () => {
    const lines = (await photo('news/queries.jsonl')).toString().trim().split('\n')
    const queries = lines.map(line => JSON.parse(line) as { image: string, mentions: [{ id: string }] })
    const photos: CollagePhoto[] = []
    for (let i = 0; photos.length < 24; i += 13) {
      const query = queries[i]!
      const path = new URL(`data/news/${query.image}`, shared)
      const { mentions } = await encode(await readFile(path))
      if (mentions.length === 1) photos.push({ path: path.pathname, id: query.mentions[0].id, face: mentions[0]!.box })
    }
    const sizes = spread(24, 40, 500)
    collage = await composeCollage(photos, photos.map((_, i) => sizes[i * 7 % 24]!))
    jpeg = await upright().jpeg({ quality: 92 }).toBuffer()
    result = await encode(jpeg)
    lossless = await encode(await upright().png({ compressionLevel: 1 }).toBuffer())
  })

  it('has at least 95 % of its faces found at IoU 0.5, each once, in px of the picture', () => {
    const hits = collage.truth.map(({ box }) => result.mentions.filter(m => iou(m.box, box) >= 0.5).length)
    expect(hits.filter(n => n >= 1).length / hits.length).toBeGreaterThanOrEqual(0.95)
    expect(hits.filter(n => n > 1)).toEqual([])
  })

  it('has no two mentions of one face', () => {
    result.mentions.forEach((a, i) => result.mentions.slice(i + 1).forEach(b => { expect(iou(a.box, b.box)).toBeLessThan(0.4) }))
  })

  it('counts faces over the cap, and keeps the largest', async () => {
    const capped = await encodeImage(jpeg, {}, loaded.models, { ...SETTINGS, maxFaces: 3 })
    // Whether a face beyond the cap is one is not known.
    expect(capped.facesFound).toBeGreaterThanOrEqual(result.facesFound)
    expect(capped.mentions.map(m => m.box)).toEqual(result.mentions.slice(0, 3).map(m => m.box))
  })

  it.each([2, 3, 4, 5, 6, 7, 8])('stored with EXIF orientation %d gives the same faces and embeddings', async orientation => {
    const undo: Record<number, (s: Sharp) => Sharp> = {
      2: s => s.flop(),
      3: s => s.rotate(180),
      4: s => s.flip(),
      5: s => s.rotate(270).flop(),
      6: s => s.rotate(270),
      7: s => s.rotate(90).flop(),
      8: s => s.rotate(90)
    }
    // PNG, so that the pixels are the same; sharp rotates before it flops, which 5 and 7 rely on.
    const stored = await undo[orientation]!(upright()).withMetadata({ orientation }).png({ compressionLevel: 1 }).toBuffer()
    const turned = await encode(stored)
    expect([turned.width, turned.height]).toEqual([4000, 3000])
    expect(turned.mentions.map(m => m.box)).toEqual(lossless.mentions.map(m => m.box))
    turned.mentions.forEach((m, i) => { expect(dot(m.face, lossless.mentions[i]!.face)).toBeGreaterThan(0.9999) })
  })
})
