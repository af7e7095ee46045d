// MTCNN: a cascade of three small networks over an image pyramid. P-Net proposes boxes at every scale, R-Net refines them,
// O-Net scores them and locates the landmarks.
import type { Box, Detection, Landmarks, Point } from '../../types.ts'
import type { Session } from '../../runtime/types.ts'
import type { DetectorManifest } from '../../packs/manifest.ts'
import type { FaceDetector } from '../types.ts'
import type { Pyramid } from '../../image/pyramid.ts'
import { frameToBox } from '../../image/affine.ts'
import { height, iou, overlapOfSmaller, squareBox, suppress, width } from '../../image/box.ts'
import { createWarpToTensor, type WarpToTensor } from '../../image/warp-to-tensor.ts'

// Ratio of successive scales, thresholds and overlaps of the reference implementation.
const FACTOR = 0.709
const PNET = { cell: 12, stride: 2, threshold: 0.6, iouInScale: 0.5, iouOfScales: 0.7 } as const
const RNET = { side: 24, threshold: 0.7, iou: 0.7 } as const
const ONET = { side: 48, overlap: 0.7 } as const
/** Largest input of P-Net, px (width * height): it raises the smallest face searched for in a large picture. */
const MAX_PNET_PX = 2e6
/** Largest number of proposals kept, per scale and in all, best first: texture can produce hundreds of thousands. */
const MAX_PROPOSALS = 2000
/** Crops per run of R-Net and O-Net, to bound memory. */
const BATCH = 256

export interface MtcnnSessions { readonly pnet: Session, readonly rnet: Session, readonly onet: Session }

/** Bounding-box regression: the offset of each edge, x1, y1, x2, y2, in widths and heights of the box. */
type Shift = readonly [number, number, number, number]

interface Candidate { readonly box: Box, readonly score: number, readonly shift: Shift }

/** A candidate with the landmarks of O-Net; R-Net has none. */
interface Face extends Candidate { readonly points: Float32Array | undefined }

/**
 * Outputs: `prob` (background, face) in 0..1 and `reg`, the offsets of the four edges, float32 `[1, 2, h, w]` and
 * `[1, 4, h, w]` for P-Net, `[N, 2]` and `[N, 4]` for R-Net and O-Net; `points` of O-Net, `[N, 10]`, are five x, then five
 * y, in widths and heights of the box. `scoreThreshold` applies to O-Net.
 *
 * NOTE: some conversions of these weights need pictures with x and y exchanged. These do not.
 *
 * @param minFacePx short side of the smallest face to search for, px of the original.
 * @see Zhang et al. 2016, "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks";
 *   https://github.com/timesler/facenet-pytorch models/utils/detect_face.py (MIT)
 */
export function createMtcnn ({ pnet, rnet, onet }: MtcnnSessions, manifest: DetectorManifest, minFacePx: number): FaceDetector {
  const read = createWarpToTensor(manifest.input)
  return {
    locatesLandmarks: true,
    async detect (pyramid) {
      const proposals: Candidate[] = []
      for (const scale of planScales(pyramid.width, pyramid.height, manifest.smallestFacePx / minFacePx)) {
        proposals.push(...await propose(pyramid, scale, pnet, read))
      }
      const best = suppress(proposals, (a, b) => iou(a, b) > PNET.iouOfScales).slice(0, MAX_PROPOSALS)
      const proposed = best.map(c => squareBox(shifted(c)))
      const refined = (await classify(pyramid, proposed, RNET.side, rnet, read)).filter(c => c.score > RNET.threshold)
      const kept = suppress(refined, (a, b) => iou(a, b) > RNET.iou).map(c => squareBox(shifted(c)))
      const faces = (await classify(pyramid, kept, ONET.side, onet, read)).filter(c => c.score > manifest.scoreThreshold)
      return suppress(faces.map(toDetection), (a, b) => overlapOfSmaller(a, b) > ONET.overlap)
    }
  }
}

/** Scales (P-Net px per picture px), from the finest to the one at which the short side of the picture is one cell. */
export function planScales (pictureWidth: number, pictureHeight: number, finest: number): number[] {
  const scales: number[] = []
  const first = Math.min(finest, Math.sqrt(MAX_PNET_PX / (pictureWidth * pictureHeight)))
  for (let scale = first; Math.min(pictureWidth, pictureHeight) * scale >= PNET.cell; scale *= FACTOR) scales.push(scale)
  return scales
}

/** P-Net over the whole picture at one scale. */
async function propose (pyramid: Pyramid, scale: number, pnet: Session, read: WarpToTensor): Promise<Candidate[]> {
  const size = { width: Math.round(pyramid.width * scale), height: Math.round(pyramid.height * scale) }
  const toOriginal = frameToBox({ x1: 0, y1: 0, x2: pyramid.width, y2: pyramid.height }, size.width, size.height)
  const outputs = await pnet.run({ [pnet.inputs[0]!.name]: read(pyramid, [toOriginal], size) })
  const prob = outputs['prob']!.data as Float32Array
  const reg = outputs['reg']!.data as Float32Array
  const cells = prob.length / 2
  const columns = outputs['prob']!.dims[3]!
  const found: Candidate[] = []
  for (let i = 0; i < cells; i++) {
    const score = prob[cells + i]!
    if (score < PNET.threshold) continue
    const x = i % columns * PNET.stride
    const y = Math.floor(i / columns) * PNET.stride
    const { a, e } = toOriginal
    const box = { x1: x * a, y1: y * e, x2: (x + PNET.cell) * a, y2: (y + PNET.cell) * e }
    found.push({ box, score, shift: [reg[i]!, reg[cells + i]!, reg[2 * cells + i]!, reg[3 * cells + i]!] })
  }
  const best = found.length > MAX_PROPOSALS ? found.sort((a, b) => b.score - a.score).slice(0, MAX_PROPOSALS) : found
  return suppress(best, (a, b) => iou(a, b) > PNET.iouInScale)
}

/** R-Net or O-Net on the crop of each box, resized to `side` x `side`. */
async function classify (pyramid: Pyramid, boxes: readonly Box[], side: number, net: Session, read: WarpToTensor): Promise<Face[]> {
  const classified: Face[] = []
  for (let from = 0; from < boxes.length; from += BATCH) {
    const batch = boxes.slice(from, from + BATCH)
    const crops = read(pyramid, batch.map(box => frameToBox(box, side, side)), { width: side, height: side })
    const outputs = await net.run({ [net.inputs[0]!.name]: crops })
    const prob = outputs['prob']!.data as Float32Array
    const reg = outputs['reg']!.data as Float32Array
    const points = outputs['points']?.data as Float32Array | undefined
    batch.forEach((box, n) => classified.push({
      box,
      score: prob[2 * n + 1]!,
      shift: [reg[4 * n]!, reg[4 * n + 1]!, reg[4 * n + 2]!, reg[4 * n + 3]!],
      points: points?.slice(10 * n, 10 * n + 10)
    }))
  }
  return classified
}

function shifted ({ box, shift }: Candidate): Box {
  const w = width(box)
  const h = height(box)
  return { x1: box.x1 + shift[0] * w, y1: box.y1 + shift[1] * h, x2: box.x2 + shift[2] * w, y2: box.y2 + shift[3] * h }
}

/** NOTE: points are relative to the input box of O-Net, not to the regressed box. */
function toDetection (face: Face): Detection {
  const { box, points } = face
  const at = (n: number): Point => ({ x: box.x1 + points![n]! * width(box), y: box.y1 + points![n + 5]! * height(box) })
  const landmarks: Landmarks = [at(0), at(1), at(2), at(3), at(4)]
  return { box: shifted(face), score: face.score, landmarks }
}
