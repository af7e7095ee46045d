// A large picture composed of news photos, each scaled to a wanted face size, with its ground truth.
import sharp, { type OverlayOptions } from 'sharp'
import type { Box } from '../../src/types.ts'

export interface CollagePhoto {
  readonly path: string
  readonly id: string
  /** The face in the photo, px of the photo. */
  readonly face: Box
}

export interface Collage {
  readonly raw: Buffer
  readonly width: number
  readonly height: number
  readonly truth: ReadonlyArray<{ readonly id: string, readonly box: Box }>
}

/**
 * Lays the photos on shelves, largest first. `facePx[i]` is the short side of the face of photo `i`, px of the collage.
 *
 * @throws RangeError where they do not fit.
 */
export async function composeCollage (
  photos: readonly CollagePhoto[],
  facePx: readonly number[],
  width = 4000,
  height = 3000
): Promise<Collage> {
  const placed = photos
    .map(({ path, id, face }, i) => {
      const crop = surroundings(face)
      const scale = facePx[i]! / Math.min(face.x2 - face.x1, face.y2 - face.y1)
      return { path, id, face, crop, side: Math.round(crop.side * scale) }
    })
    .sort((a, b) => b.side - a.side)
  const overlays: OverlayOptions[] = []
  const truth: Array<{ id: string, box: Box }> = []
  let x = 0
  let y = 0
  let shelf = 0
  for (const { path, id, face, crop, side } of placed) {
    if (x + side > width) {
      x = 0
      y += shelf
      shelf = 0
    }
    if (y + side > height) throw new RangeError(`Expected the photos to fit ${width}x${height}, received too many`)
    const input = await sharp(path)
      .extract({ left: crop.left, top: crop.top, width: crop.side, height: crop.side })
      .resize(side, side)
      .png()
      .toBuffer()
    overlays.push({ input, left: x, top: y })
    const s = side / crop.side
    truth.push({
      id,
      box: {
        x1: x + (face.x1 - crop.left) * s,
        y1: y + (face.y1 - crop.top) * s,
        x2: x + (face.x2 - crop.left) * s,
        y2: y + (face.y2 - crop.top) * s
      }
    })
    x += side
    shelf = Math.max(shelf, side)
  }
  const raw = await sharp({ create: { width, height, channels: 3, background: '#6b7280' } })
    .composite(overlays)
    .removeAlpha()
    .raw()
    .toBuffer()
  return { raw, width, height, truth }
}

/** A square of 1.7 times the face, inside the 250 x 250 photo. */
function surroundings (face: Box): { left: number, top: number, side: number } {
  const side = Math.min(250, Math.round(1.7 * Math.max(face.x2 - face.x1, face.y2 - face.y1)))
  const start = (centre: number): number => Math.max(0, Math.min(250 - side, Math.round(centre - side / 2)))
  return { left: start((face.x1 + face.x2) / 2), top: start((face.y1 + face.y2) / 2), side }
}

/** `count` sizes from `smallest` to `largest`, evenly spaced by ratio. */
export function spread (count: number, smallest: number, largest: number): number[] {
  return Array.from({ length: count }, (_, i) => smallest * Math.pow(largest / smallest, i / (count - 1)))
}
