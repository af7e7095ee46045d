// A detector with a small fixed input finds only faces that are large in its frame. Here the frame is moved over the picture
// at several scales, so that small faces of large pictures are found too.
import type { Box, Detection } from '../../types.ts'
import type { Session, Tensor } from '../../runtime/types.ts'
import type { DetectorManifest } from '../../packs/manifest.ts'
import type { Pyramid } from '../../image/pyramid.ts'
import { frameToBox, type Affine } from '../../image/affine.ts'
import * as boxes from '../../image/box.ts'
import { createWarpToTensor } from '../../image/warp-to-tensor.ts'

/** A detector of faces in one frame of fixed size. */
export interface FrameDetector {
  readonly frame: { readonly width: number, readonly height: number }
  /** Short side of the smallest face found reliably, px of the frame. */
  readonly smallestFacePx: number
  /** Faces in the region onto which `toOriginal` maps the frame: boxes and landmarks in px of the frame. */
  detectInFrame: (pyramid: Pyramid, toOriginal: Affine) => Promise<Detection[]>
}

/** Grey level of the padding that these detectors were trained with. */
const PADDING = 127

/** Decodes the outputs of a graph to faces over the score threshold, px of the frame. */
export type DecodeFaces = (outputs: Readonly<Record<string, Tensor>>) => Detection[]

/** A frame detector: reads the frame as the manifest says, runs the graph, decodes, and suppresses duplicates above `nmsIou`. */
export function createFrameDetector (
  session: Session, manifest: DetectorManifest, nmsIou: number, decodeFaces: DecodeFaces
): FrameDetector {
  const { width, height } = manifest.input
  const input = session.inputs[0]!.name
  const read = createWarpToTensor(manifest.input, PADDING)
  return {
    frame: { width, height },
    smallestFacePx: manifest.smallestFacePx,
    async detectInFrame (pyramid, toOriginal) {
      const found = decodeFaces(await session.run({ [input]: read(pyramid, [toOriginal]) }))
      return boxes.suppress(found, (a, b) => boxes.iou(a, b) > nmsIou)
    }
  }
}

/** One position of the frame: its region of the picture, and the largest face it is responsible for. */
export interface Tile {
  /** px of the original; outside the picture the frame is padded. */
  readonly region: Box
  /** Long side of the largest face of this tile, px of the original; a coarser tile finds larger ones. */
  readonly largestFacePx: number
}

export interface TilePlan {
  /** Short side of the smallest face to search for, px of the original. */
  readonly searchFacePx: number
  /** Ratio between the scales of successive levels. */
  readonly step: number
  /** Largest number of tiles; if a picture needs more, its finest levels are left out. */
  readonly maxTiles: number
}

/** Chosen on collages of news photos: a larger step misses faces between levels; the cap bounds the time for one picture. */
export const TILE_STEP = 2.5
export const MAX_TILES = 300

/** A box within this distance of an inner edge of a tile is a cut face; the neighbour, which overlaps by a face, contains it whole. */
const CUT_PX = 2

/**
 * Plans the tiles of a `width` x `height` picture: the whole picture, then finer levels, up to the scale at which a face of
 * `searchFacePx` is `smallestFacePx` in the frame.
 */
export function planTiles (width: number, height: number, detector: FrameDetector, plan: TilePlan): Tile[] {
  const { frame, smallestFacePx } = detector
  const whole = Math.min(frame.width / width, frame.height / height)
  const finest = smallestFacePx / plan.searchFacePx
  const tiles: Tile[] = [{ region: around(width / 2, height / 2, frame, whole), largestFacePx: Infinity }]
  // Spread the levels evenly between the whole picture and the finest scale, at most `step` apart.
  const levels = Math.max(0, Math.ceil(Math.log(finest / whole) / Math.log(plan.step) - 0.15))
  for (let n = 1; n <= levels; n++) {
    const ratio = Math.pow(finest / whole, 1 / levels)
    const level = tilesAt(width, height, detector, whole * Math.pow(ratio, n), ratio)
    if (tiles.length + level.length > plan.maxTiles) break
    tiles.push(...level)
  }
  return tiles
}

/** Tiles at `scale` (frame px per picture px); neighbours overlap by the largest face of the level. */
function tilesAt (width: number, height: number, { frame, smallestFacePx }: FrameDetector, scale: number, ratio: number): Tile[] {
  const largestInFrame = smallestFacePx * ratio * 1.8
  const centres = (length: number, side: number): number[] => {
    const region = side / scale
    if (length <= region) return [length / 2]
    const stride = (side - largestInFrame) / scale
    const count = Math.ceil((length - region) / stride) + 1
    return Array.from({ length: count }, (_, i) => region / 2 + i * (length - region) / (count - 1))
  }
  const ys = centres(height, frame.height)
  const xs = centres(width, frame.width)
  return ys.flatMap(y => xs.map(x => ({ region: around(x, y, frame, scale), largestFacePx: largestInFrame / scale })))
}

function around (x: number, y: number, frame: { width: number, height: number }, scale: number): Box {
  const w = frame.width / scale / 2
  const h = frame.height / scale / 2
  return { x1: x - w, y1: y - h, x2: x + w, y2: y + h }
}

/** Runs the detector on every tile. @returns faces in px of the original, with duplicates from overlapping tiles. */
export async function detectInTiles (pyramid: Pyramid, detector: FrameDetector, plan: TilePlan): Promise<Detection[]> {
  const found: Detection[] = []
  for (const tile of planTiles(pyramid.width, pyramid.height, detector, plan)) {
    const toOriginal = frameToBox(tile.region, detector.frame.width, detector.frame.height)
    const scale = toOriginal.a
    for (const face of await detector.detectInFrame(pyramid, toOriginal)) {
      const box = toPicture(face.box, tile.region, scale)
      const longSide = Math.max(boxes.width(box), boxes.height(box))
      if (longSide > tile.largestFacePx || cutByTile(box, tile.region, pyramid, CUT_PX * scale)) continue
      const landmarks = face.landmarks?.map(p => ({ x: tile.region.x1 + p.x * scale, y: tile.region.y1 + p.y * scale }))
      found.push({ box, score: face.score, landmarks: landmarks as Detection['landmarks'] })
    }
  }
  return found
}

function toPicture (box: Box, region: Box, scale: number): Box {
  const { x1, y1 } = region
  return { x1: x1 + box.x1 * scale, y1: y1 + box.y1 * scale, x2: x1 + box.x2 * scale, y2: y1 + box.y2 * scale }
}

/** Whether `box` touches an edge of the tile that is not an edge of the picture. */
function cutByTile (box: Box, region: Box, picture: { width: number, height: number }, margin: number): boolean {
  return (region.x1 > 0 && box.x1 < region.x1 + margin) || (region.y1 > 0 && box.y1 < region.y1 + margin) ||
    (region.x2 < picture.width && box.x2 > region.x2 - margin) || (region.y2 < picture.height && box.y2 > region.y2 - margin)
}

/** Frames that confirm a face: the share of the height of the frame that the box takes, and the shift of the frame, in sides of the box. */
const CONFIRMING = [
  { share: 0.6, dx: 0, dy: 0 },
  { share: 0.4, dx: 0, dy: 0 },
  { share: 0.25, dx: 0, dy: 0 },
  { share: 0.4, dx: 0.15, dy: 0.1 },
  { share: 0.4, dx: -0.15, dy: -0.1 }
]
/** Number of frames that must contain the face. */
const CONFIRMED_BY = 3
/** Smallest IoU of the box and its detection in a frame. */
const CONFIRMING_IOU = 0.35

/** Whether the detector finds the face in most of several frames around `box`, px of the original. */
export async function confirmInFrames (pyramid: Pyramid, detector: FrameDetector, box: Box): Promise<boolean> {
  const { frame } = detector
  const side = Math.max(boxes.width(box), boxes.height(box))
  let seen = 0
  for (const { share, dx, dy } of CONFIRMING) {
    const centre = boxes.shiftBox(box, dx * side, dy * side)
    const region = around((centre.x1 + centre.x2) / 2, (centre.y1 + centre.y2) / 2, frame, frame.height * share / side)
    const toOriginal = frameToBox(region, frame.width, frame.height)
    const faces = await detector.detectInFrame(pyramid, toOriginal)
    if (faces.some(face => boxes.iou(toPicture(face.box, region, toOriginal.a), box) > CONFIRMING_IOU)) seen++
  }
  return seen >= CONFIRMED_BY
}
