// Detectors with their real weights, and what every one of them must do.
import { fileURLToPath } from 'node:url'
import sharp, { type Sharp } from 'sharp'
import { expect, it } from 'vitest'
import type { Box, Detection } from '../../src/types.ts'
import { iou } from '../../src/image/box.ts'
import { openSession } from '../../src/runtime/session.ts'
import { loadModels, type LoadedModels } from '../../src/models/load.ts'
import { readPackManifest } from '../../src/packs/manifest.ts'
import { decode } from '../../src/encode/decode.ts'
import { detect } from '../../src/encode/detect.ts'
import { shared } from './shared.ts'

const LIMITS = { maxPixels: 1e8, workingPixels: 2.4e7, maxFaces: 100, minFacePx: 8 }
const photo = (name: string): string => fileURLToPath(new URL(`data/news/photos/${name}.jpg`, shared))

/** One face a photo (250 x 250), and its box as three detectors agree on it within a few px. */
const FACES: ReadonlyArray<{ name: string, box: Box }> = [
  { name: 'Abdullah_Gul_0001', box: { x1: 92, y1: 67, x2: 183, y2: 186 } },
  { name: 'Abdullah_Gul_0002', box: { x1: 76, y1: 76, x2: 166, y2: 188 } },
  { name: 'Abdullah_Gul_0003', box: { x1: 73, y1: 67, x2: 162, y2: 190 } },
  { name: 'Abdullah_Gul_0004', box: { x1: 76, y1: 71, x2: 169, y2: 192 } }
]

export async function loadPack (name: string): Promise<LoadedModels> {
  const modelsDir = fileURLToPath(new URL('models/', shared))
  return await loadModels(
    await readPackManifest(name, modelsDir),
    modelsDir,
    async graph => await openSession(graph, { providers: ['cpu'], threads: 1 }),
    { searchFacePx: 20, step: 2.5, maxTiles: 100 }
  )
}

export async function facesIn (pack: LoadedModels, picture: Sharp | string): Promise<readonly Detection[]> {
  const bytes = await (typeof picture === 'string' ? sharp(photo(picture)) : picture).png().toBuffer()
  return (await detect(await decode(bytes, LIMITS), pack.models.detector, LIMITS)).faces
}

export const blank = (width: number, height: number, background = '#888'): Sharp =>
  sharp({ create: { width, height, channels: 3, background } })

/** The cases that hold for any detector with landmarks. */
export function itDetectsFaces (pack: () => LoadedModels): void {
  it('finds the one face of a photo where the other detectors find it', async () => {
    for (const { name, box } of FACES) {
      const faces = await facesIn(pack(), name)
      expect(faces, name).toHaveLength(1)
      expect(iou(faces[0]!.box, box), name).toBeGreaterThan(0.7)
    }
  })

  it('names the landmarks by image side, inside the face', async () => {
    for (const { name, box } of FACES) {
      const [leftEye, rightEye, nose, leftMouth, rightMouth] = (await facesIn(pack(), name))[0]!.landmarks!
      expect(leftEye.x).toBeLessThan(rightEye.x - 20)
      expect(leftMouth.x).toBeLessThan(rightMouth.x - 20)
      for (const eye of [leftEye, rightEye]) for (const mouth of [leftMouth, rightMouth]) expect(eye.y).toBeLessThan(mouth.y - 20)
      for (const { x, y } of [leftEye, rightEye, nose, leftMouth, rightMouth]) {
        expect(x > box.x1 && x < box.x2 && y > box.y1 && y < box.y2).toBe(true)
      }
    }
  })

  it('finds each face of a composed picture once, in px of that picture', async () => {
    const places = FACES.map((face, i) => ({
      ...face,
      left: (i % 2) * 700 + 30,
      top: Math.floor(i / 2) * 400 + 20,
      side: i === 0 ? 125 : 250
    }))
    const tiles = await Promise.all(
      places.map(async ({ name, left, top, side }) => ({ input: await sharp(photo(name)).resize(side).toBuffer(), left, top }))
    )
    const faces = await facesIn(pack(), blank(1300, 800).composite(tiles))
    expect(faces).toHaveLength(FACES.length)
    for (const { name, box, left, top, side } of places) {
      const s = side / 250
      const expected = { x1: left + box.x1 * s, y1: top + box.y1 * s, x2: left + box.x2 * s, y2: top + box.y2 * s }
      expect(Math.max(...faces.map(face => iou(face.box, expected))), name).toBeGreaterThan(0.6)
    }
  })

  it('finds a face that the edge of the picture cuts', async () => {
    const { name, box } = FACES[0]!
    const left = box.x1 + 18
    const faces = await facesIn(pack(), sharp(photo(name)).extract({ left, top: 0, width: 250 - left, height: 250 }))
    expect(faces).toHaveLength(1)
    expect(iou(faces[0]!.box, { x1: 0, y1: box.y1, x2: box.x2 - left, y2: box.y2 })).toBeGreaterThan(0.5)
    expect(faces[0]!.box.x1).toBeGreaterThanOrEqual(0)
  })

  it('finds nothing in flat pictures of any size, however thin or tiny', async () => {
    for (const [width, height] of [[640, 480], [1, 1], [3, 2000], [11, 12]] as const) {
      expect(await facesIn(pack(), blank(width, height)), `${width}x${height}`).toEqual([])
    }
    expect(await facesIn(pack(), blank(300, 300, '#fff'))).toEqual([])
    expect(await facesIn(pack(), blank(300, 300, '#000'))).toEqual([])
  })
}
