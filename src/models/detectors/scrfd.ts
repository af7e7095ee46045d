// SCRFD with key points (InsightFace): boxes and five landmarks, in a frame whose sides are multiples of 32.
import type { Detection, Landmarks, Point } from '../../types.ts'
import type { Session } from '../../runtime/types.ts'
import type { DetectorManifest } from '../../packs/manifest.ts'
import { createFrameDetector, type FrameDetector } from './tiled.ts'

const STRIDES = [8, 16, 32] as const
/** Anchors per cell; both lie at the corner of the cell and differ in training only. */
const ANCHORS = 2
/** IoU above which two detections are the same face; the value of the reference implementation. */
const NMS_IOU = 0.4

/**
 * Outputs, in the order of the graph (their names are numbers that differ between files): for strides 8, 16, 32 the scores
 * `[anchors, 1]`, already in 0..1; then the boxes `[anchors, 4]` as distances from the corner of the cell to left, top,
 * right, bottom, in strides; then the points `[anchors, 10]` as x, y offsets from that corner, in strides.
 *
 * @see Guo et al. 2021, "Sample and Computation Redistribution for Efficient Face Detection";
 *   https://github.com/deepinsight/insightface python-package/insightface/model_zoo/scrfd.py (MIT)
 */
export function createScrfd (session: Session, manifest: DetectorManifest): FrameDetector {
  const { input: { width }, scoreThreshold } = manifest
  return createFrameDetector(session, manifest, NMS_IOU, outputs => {
    const output = (n: number): Float32Array => outputs[session.outputs[n]!]!.data as Float32Array
    const levels = STRIDES.length
    return STRIDES.flatMap((stride, n) => {
      const level = { scores: output(n), boxes: output(n + levels), points: output(n + 2 * levels) }
      return facesOf(level, stride, Math.ceil(width / stride), scoreThreshold)
    })
  })
}

interface Level { readonly scores: Float32Array, readonly boxes: Float32Array, readonly points: Float32Array }

function facesOf ({ scores, boxes, points }: Level, stride: number, columns: number, threshold: number): Detection[] {
  const found: Detection[] = []
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i]!
    if (score < threshold) continue
    const cell = Math.floor(i / ANCHORS)
    const x = cell % columns * stride
    const y = Math.floor(cell / columns) * stride
    const to = (n: number): number => boxes[4 * i + n]! * stride
    const at = (n: number): Point => ({ x: x + points[10 * i + 2 * n]! * stride, y: y + points[10 * i + 2 * n + 1]! * stride })
    const landmarks: Landmarks = [at(0), at(1), at(2), at(3), at(4)]
    found.push({ score, box: { x1: x - to(0), y1: y - to(1), x2: x + to(2), y2: y + to(3) }, landmarks })
  }
  return found
}
