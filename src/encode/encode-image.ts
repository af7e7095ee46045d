// The encoding half of the path: bytes -> decode -> detect -> align -> embed. Runs in a worker; knows no index.
import type { Box, Detection, EncodedImage, EncodeOptions, Landmarks, Stage, Timings } from '../types.ts'
import type { EncodingModels } from '../models/types.ts'
import type { Pyramid } from '../image/pyramid.ts'
import { errors } from '../errors.ts'
import { iou } from '../image/box.ts'
import { align } from './align.ts'
import { embedContexts } from './context.ts'
import { decode, type DecodeLimits } from './decode.ts'
import { detect, type DetectSettings } from './detect.ts'

export type EncodingSettings = DecodeLimits & DetectSettings

/** Raised when this program makes other mentions or other links of the same image: what was encoded and cached before is then void. */
export const ENCODING_REVISION = 4

/** IoU from which a detection lends its landmarks to a box that the caller gave. */
const SAME_FACE_IOU = 0.5

interface Found { readonly faces: ReadonlyArray<{ box: Box, score: number | null, landmarks: Landmarks }>, readonly found: number }

/** Finds and embeds the mentions of one image. @throws what `decode` throws, and VEL_ERR_BAD_BOXES */
export async function encodeImage (bytes: Uint8Array, options: EncodeOptions, models: EncodingModels, settings: EncodingSettings): Promise<EncodedImage> {
  const timings: Timings = {}
  const timed = async <T>(stage: Stage, work: () => T | Promise<T>): Promise<T> => {
    const start = performance.now()
    const result = await work()
    timings[stage] = performance.now() - start
    return result
  }
  const pyramid = await timed('decode', async () => await decode(bytes, settings))
  const { faces, found } = await timed('detect', async () => options.boxes === undefined ? await findMentions(pyramid, models, settings) : await givenMentions(pyramid, options.boxes, models, settings))
  const aligned = await timed('align', () => faces.map(face => align(pyramid, face.box, face.landmarks, models.crop, models.input)))
  const { embeddings, contexts } = await timed('embed', async () => ({
    embeddings: await models.face.encode(aligned.map(a => a.crop)),
    contexts: options.context === true ? await embedContexts(pyramid, faces.map(f => f.box), models.clip) : []
  }))
  const mentions = faces.map(({ box, landmarks, score }, i) => ({ box, landmarks, detectionScore: score, quality: aligned[i]!.quality, face: embeddings[i]!, context: contexts[i] }))
  return { width: pyramid.width, height: pyramid.height, mentions, facesFound: found, timings }
}

async function findMentions (pyramid: Pyramid, models: EncodingModels, settings: DetectSettings): Promise<Found> {
  const { faces, found } = await detect(pyramid, models.detector, settings)
  const located = await locate(pyramid, faces.map(f => f.box), faces, models)
  return { faces: faces.map((face, i) => ({ box: face.box, score: face.score, landmarks: located[i]! })), found }
}

/** Every box must lie in the picture: one that does not was meant for another picture or another frame. */
function refuseOutside (boxes: readonly Box[], { width, height }: Pyramid): void {
  const outside = boxes.find(b => b.x1 < 0 || b.y1 < 0 || b.x2 > width || b.y2 > height)
  if (outside === undefined) return
  throw errors.badBoxes(`boxes inside the picture of ${width}x${height} px`, JSON.stringify([outside.x1, outside.y1, outside.x2, outside.y2]))
}

/** Boxes from the caller. A detector that locates landmarks is asked for those of the face in each box. */
async function givenMentions (pyramid: Pyramid, boxes: readonly Box[], models: EncodingModels, settings: DetectSettings): Promise<Found> {
  refuseOutside(boxes, pyramid)
  const seen = models.detector.locatesLandmarks ? (await detect(pyramid, models.detector, { ...settings, maxFaces: Infinity })).faces : []
  const nearest = (box: Box): Detection | undefined => seen.reduce<Detection | undefined>((best, face) => {
    const overlap = iou(face.box, box)
    return overlap >= SAME_FACE_IOU && overlap > (best === undefined ? 0 : iou(best.box, box)) ? face : best
  }, undefined)
  const located = await locate(pyramid, boxes, boxes.map(nearest), models)
  return { faces: boxes.map((box, i) => ({ box, score: null, landmarks: located[i]! })), found: boxes.length }
}

async function locate (pyramid: Pyramid, boxes: readonly Box[], faces: ReadonlyArray<Detection | undefined>, models: EncodingModels): Promise<Landmarks[]> {
  if (models.landmarks !== null) return await models.landmarks.locate(pyramid, boxes)
  return boxes.map((box, i) => faces[i]?.landmarks ?? usualLandmarks(box))
}

/** Where the points of an upright face lie in its box: for a given box in which the detector saw nothing. */
function usualLandmarks (box: Box): Landmarks {
  const at = (x: number, y: number): { x: number, y: number } => ({ x: box.x1 + x * (box.x2 - box.x1), y: box.y1 + y * (box.y2 - box.y1) })
  return [at(0.31, 0.4), at(0.69, 0.4), at(0.5, 0.6), at(0.34, 0.78), at(0.66, 0.78)]
}
