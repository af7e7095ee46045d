// YuNet (2023mar): boxes and five landmarks, in a frame of 640 x 640.
import type { Detection, Landmarks, Point } from '../../types.ts'
import type { Session, Tensor } from '../../runtime/types.ts'
import type { DetectorManifest } from '../../packs/manifest.ts'
import { createFrameDetector, type FrameDetector } from './tiled.ts'

/** Strides of the three levels, px of the frame; one anchor per cell. */
const STRIDES = [8, 16, 32] as const
/** IoU above which two detections are the same face; the default of FaceDetectorYN in OpenCV. */
const NMS_IOU = 0.3

interface Level { readonly cls: Float32Array, readonly obj: Float32Array, readonly bbox: Float32Array, readonly kps: Float32Array }

/**
 * Outputs of each stride S, cells in row-major order: `cls_S` and `obj_S` float32 `[1, cells, 1]` in 0..1, `bbox_S`
 * `[1, cells, 4]` as centre offset in cells and log of width and height in cells, `kps_S` `[1, cells, 10]` as x, y
 * offsets in cells. The points are right eye, left eye, nose, right and left corner of the mouth (sides of the person): in
 * an upright face, left to right in the image.
 *
 * @see Wu, Peng, Yu 2023, "YuNet: A Tiny Millisecond-level Face Detector";
 *   https://github.com/opencv/opencv modules/objdetect/src/face_detect.cpp, `postProcess` (Apache-2.0)
 */
export function createYunet (session: Session, manifest: DetectorManifest): FrameDetector {
  const { input: { width }, scoreThreshold } = manifest
  return createFrameDetector(session, manifest, NMS_IOU, outputs =>
    STRIDES.flatMap(stride => facesOf(levelOf(outputs, stride), stride, Math.ceil(width / stride), scoreThreshold)))
}

function levelOf (outputs: Readonly<Record<string, Tensor>>, stride: number): Level {
  const of = (kind: string): Float32Array => outputs[`${kind}_${stride}`]!.data as Float32Array
  return { cls: of('cls'), obj: of('obj'), bbox: of('bbox'), kps: of('kps') }
}

function facesOf ({ cls, obj, bbox, kps }: Level, stride: number, columns: number, threshold: number): Detection[] {
  const found: Detection[] = []
  for (let i = 0; i < cls.length; i++) {
    const score = Math.sqrt(unit(cls[i]!) * unit(obj[i]!))
    if (score < threshold) continue
    const column = i % columns
    const row = Math.floor(i / columns)
    const x = (column + bbox[4 * i]!) * stride
    const y = (row + bbox[4 * i + 1]!) * stride
    const w = Math.exp(bbox[4 * i + 2]!) * stride / 2
    const h = Math.exp(bbox[4 * i + 3]!) * stride / 2
    const at = (n: number): Point => ({ x: (column + kps[10 * i + 2 * n]!) * stride, y: (row + kps[10 * i + 2 * n + 1]!) * stride })
    const landmarks: Landmarks = [at(0), at(1), at(2), at(3), at(4)]
    found.push({ score, box: { x1: x - w, y1: y - h, x2: x + w, y2: y + h }, landmarks })
  }
  return found
}

const unit = (v: number): number => Math.min(1, Math.max(0, v))
