// Quarter turns of a picture, for photos whose faces are not upright, and the coordinates of boxes and landmarks in them.
import type { Box, Landmarks, Point, Raster, Turn } from '../types.ts'
import { Pyramid } from '../image/pyramid.ts'

/** The turns to try, most frequent first: cameras are more often held sideways than upside down. */
export const TURNS = [90, 270, 180] as const satisfies readonly Turn[]

/**
 * The picture turned by `turn` degrees clockwise, at a reduced size of at most `maxPixels` where halving gets there.
 *
 * @returns a picture whose px are those of the original; halving may cut an odd last row or column of it.
 */
export function turnPicture (pyramid: Pyramid, turn: Turn, maxPixels = Infinity): Pyramid {
  let level = 0
  let raster = pyramid.level(0)
  while (raster.width * raster.height > maxPixels && pyramid.level(level + 1) !== raster) raster = pyramid.level(++level)
  const scale = 2 ** level * pyramid.width / pyramid.level(0).width
  const scaleY = 2 ** level * pyramid.height / pyramid.level(0).height
  const [width, height] = [raster.width * scale, raster.height * scaleY]
  return turn === 180 ? new Pyramid(turnRaster(raster, turn), width, height) : new Pyramid(turnRaster(raster, turn), height, width)
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

/** Size of a picture, px. */
export interface Size { readonly width: number, readonly height: number }

/** A point of the turned picture to px of the picture as sent. */
function pointToSent ({ x, y }: Point, turn: Turn, { width, height }: Size): Point {
  switch (turn) {
    case 0: return { x, y }
    case 90: return { x: y, y: height - x }
    case 180: return { x: width - x, y: height - y }
    case 270: return { x: width - y, y: x }
  }
}

/** @param turned size of the turned picture. @returns the box in px of the picture as sent. */
export function boxToSent (box: Box, turn: Turn, turned: Size): Box {
  return turnBox(box, turn, sizeAsSent(turned, turn))
}

/** The landmarks in px of the picture as sent; they keep their order, which is that of the upright face. */
export function landmarksToSent (landmarks: Landmarks, turn: Turn, turned: Size): Landmarks {
  return landmarks.map(point => pointToSent(point, turn, sizeAsSent(turned, turn))) as unknown as Landmarks
}

/** @param turned size of the turned picture. @returns a box of the picture as sent in px of the turned picture. */
export function boxToTurned (box: Box, turn: Turn, turned: Size): Box {
  return turnBox(box, turn === 0 ? 0 : 360 - turn as Turn, turned)
}

function turnBox (box: Box, turn: Turn, size: Size): Box {
  const a = pointToSent({ x: box.x1, y: box.y1 }, turn, size)
  const b = pointToSent({ x: box.x2, y: box.y2 }, turn, size)
  return { x1: Math.min(a.x, b.x), y1: Math.min(a.y, b.y), x2: Math.max(a.x, b.x), y2: Math.max(a.y, b.y) }
}

const sizeAsSent = ({ width, height }: Size, turn: Turn): Size => turn % 180 === 0 ? { width, height } : { width: height, height: width }
