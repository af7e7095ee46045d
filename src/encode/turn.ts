// Quarter turns of a picture, for photos whose faces are not upright, and the coordinates of boxes and landmarks in them.
import type { Box, Landmarks, Point, Raster, Turn } from '../types.ts'
import { Pyramid } from '../image/pyramid.ts'

/** The turns to try, most frequent first: cameras are more often held sideways than upside down. */
export const TURNS = [90, 270, 180] as const satisfies readonly Turn[]

/** Largest size of a turned picture, width * height in px: four searches at full size would take too long. */
const MAX_PIXELS = 1_000_000

/** The picture turned by `turn` degrees clockwise, at a size of at most `MAX_PIXELS`. */
export function turnPicture (pyramid: Pyramid, turn: Turn): Pyramid {
  let level = 0
  while (pyramid.level(level).width * pyramid.level(level).height > MAX_PIXELS) level++
  const [width, height] = turn === 180 ? [pyramid.width, pyramid.height] : [pyramid.height, pyramid.width]
  return new Pyramid(turnRaster(pyramid.level(level), turn), width, height)
}

function turnRaster ({ data, width, height }: Raster, turn: Turn): Raster {
  const size = turn === 180 ? { width, height } : { width: height, height: width }
  const out = new Uint8Array(data.length)
  // A step of one px to the right in the source is `step` bytes in the output.
  const step = 3 * (turn === 90 ? size.width : turn === 180 ? -1 : -size.width)
  for (let y = 0, i = 0; y < height; y++) {
    let o = 3 * (turn === 90 ? height - 1 - y : turn === 180 ? (height - y) * width - 1 : (width - 1) * size.width + y)
    for (let x = 0; x < width; x++, i += 3, o += step) {
      out[o] = data[i]!
      out[o + 1] = data[i + 1]!
      out[o + 2] = data[i + 2]!
    }
  }
  return { data: out, ...size }
}

/** Size of the picture as sent, px. */
interface Size { readonly width: number, readonly height: number }

/** A point of the turned picture to px of the picture as sent. */
function pointToSent ({ x, y }: Point, turn: Turn, { width, height }: Size): Point {
  switch (turn) {
    case 0: return { x, y }
    case 90: return { x: y, y: height - x }
    case 180: return { x: width - x, y: height - y }
    case 270: return { x: width - y, y: x }
  }
}

/** @returns the box in px of the picture as sent. */
export function boxToSent (box: Box, turn: Turn, sent: Size): Box {
  const a = pointToSent({ x: box.x1, y: box.y1 }, turn, sent)
  const b = pointToSent({ x: box.x2, y: box.y2 }, turn, sent)
  return { x1: Math.min(a.x, b.x), y1: Math.min(a.y, b.y), x2: Math.max(a.x, b.x), y2: Math.max(a.y, b.y) }
}

/** The landmarks in px of the picture as sent; they keep their order, which is that of the upright face. */
export function landmarksToSent (landmarks: Landmarks, turn: Turn, sent: Size): Landmarks {
  return landmarks.map(point => pointToSent(point, turn, sent)) as unknown as Landmarks
}

/** @param turned size of the turned picture. @returns a box of the picture as sent in px of the turned picture. */
export function boxToTurned (box: Box, turn: Turn, turned: Size): Box {
  return boxToSent(box, turn === 0 ? 0 : 360 - turn as Turn, turned)
}
