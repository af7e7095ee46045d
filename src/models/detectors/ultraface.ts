// Ultra-Light-Fast-Generic-Face-Detector RFB-320: boxes without landmarks, in a frame of 320 x 240.
import type { Detection } from '../../types.ts'
import type { Session } from '../../runtime/types.ts'
import type { DetectorManifest } from '../../packs/manifest.ts'
import { createFrameDetector, type FrameDetector } from './tiled.ts'

/** IoU above which two detections are the same face; the value of the reference implementation. */
const NMS_IOU = 0.3

/**
 * Output: scores float32 `[1, anchors, 2]` (background, face), boxes float32 `[1, anchors, 4]` as x1, y1, x2, y2 in 0..1
 * of the frame, already decoded against the priors.
 *
 * @see https://github.com/Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB (MIT)
 */
export function createUltraface (session: Session, manifest: DetectorManifest): FrameDetector {
  const { input: { width, height }, scoreThreshold } = manifest
  return createFrameDetector(session, manifest, NMS_IOU, ({ scores, boxes }) => {
    const s = scores!.data as Float32Array
    const b = boxes!.data as Float32Array
    const found: Detection[] = []
    for (let i = 0; i < s.length / 2; i++) {
      const score = s[2 * i + 1]!
      if (score < scoreThreshold) continue
      const box = { x1: b[4 * i]! * width, y1: b[4 * i + 1]! * height, x2: b[4 * i + 2]! * width, y2: b[4 * i + 3]! * height }
      found.push({ score, box })
    }
    return found
  })
}
