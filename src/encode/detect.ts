// Pixels to faces: runs the detector, removes duplicate detections, orders by size and caps.
import type { Box, Detection, Landmarks } from '../types.ts'
import type { FaceDetector } from '../models/types.ts'
import type { Pyramid } from '../image/pyramid.ts'
import { area, clampBox, iou, overlapOfSmaller, shortSide, suppress } from '../image/box.ts'

export interface DetectSettings {
  /** Largest number of faces returned; the largest faces are kept. */
  readonly maxFaces: number
  /** Smallest short side of a face, px of the original; smaller faces are dropped. */
  readonly minFacePx: number
}

export interface Detected {
  /** Largest first; boxes in whole px, inside the picture. */
  readonly faces: readonly Detection[]
  /** Number of faces before the cap. */
  readonly found: number
}

/** Faces of one picture before they are embedded. */
export interface Found { readonly faces: ReadonlyArray<LocatedFace>, readonly found: number }

export interface LocatedFace {
  readonly box: Box
  readonly score: number | null
  readonly landmarks: Landmarks
  readonly spread?: number | undefined
}

/** Two boxes are one face if their IoU, or the share of the smaller box inside the other, is above these. */
const SAME_IOU = 0.4
const SAME_OVERLAP = 0.65

export async function detect (pyramid: Pyramid, detector: FaceDetector, settings: DetectSettings): Promise<Detected> {
  const raw = await detector.detect(pyramid)
  const inside = raw
    .map(face => ({ ...face, box: wholePixels(clampBox(face.box, Math.floor(pyramid.width), Math.floor(pyramid.height))) }))
    .filter(face => shortSide(face.box) >= Math.max(1, settings.minFacePx))
  const faces = suppress(inside, (a, b) => iou(a, b) > SAME_IOU || overlapOfSmaller(a, b) > SAME_OVERLAP)
    .sort((a, b) => area(b.box) - area(a.box))
  return { faces: faces.slice(0, settings.maxFaces), found: faces.length }
}

/** Rounds to whole px, so that a box of a reply, sent back in `boxes`, is exactly the box that was embedded. */
export function wholePixels (box: Box): Box {
  return { x1: Math.round(box.x1), y1: Math.round(box.y1), x2: Math.round(box.x2), y2: Math.round(box.y2) }
}
