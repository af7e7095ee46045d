// The encoding half of the path: bytes -> decode -> detect -> align -> embed. Runs in a worker process, without an index.
import type { Box, Detection, EncodedImage, EncodedMention, EncodeOptions, Landmarks, Stage, Timings } from '../types.ts'
import type { EncodingModels } from '../models/types.ts'
import type { Pyramid } from '../image/pyramid.ts'
import { errors } from '../errors.ts'
import { createTimer } from '../timings.ts'
import { iou } from '../image/box.ts'
import { lackOf } from '../packs/evidence.ts'
import { align } from './align.ts'
import { embedContexts } from './context.ts'
import { decode, type DecodeLimits } from './decode.ts'
import { detect, type DetectSettings, type Found, type LocatedFace } from './detect.ts'
import { mergeOverlaps, rejectNoFaces } from './evidence.ts'
import { isUsable, searchTurned, turnBoxes } from './turned-mentions.ts'

export type EncodingSettings = DecodeLimits & DetectSettings

/** Raised by any change of the code that changes mentions or links of an image: it invalidates encoded photos and cached results. */
export const ENCODING_REVISION = 5

/** Smallest IoU of a box from the caller and a detection that supplies its landmarks. */
const SAME_FACE_IOU = 0.5

type TimedStage = <T>(stage: Stage, work: () => T | Promise<T>) => Promise<T>

/**
 * Finds and embeds the mentions of one image. If no face is usable, the picture is also searched in quarter turns.
 *
 * @param bytes an image file.
 * @returns mentions with boxes and landmarks in px of the EXIF-oriented original and L2-normalised embeddings: largest face
 *   first or, with `options.boxes`, in the order of the boxes.
 * @throws what `decode` throws; VEL_ERR_BAD_BOXES for a box outside the picture; VEL_ERR_MODE_UNAVAILABLE with
 *   `options.context` and no CLIP image encoder.
 */
export async function encodeImage (
  bytes: Uint8Array, options: EncodeOptions, models: EncodingModels, settings: EncodingSettings
): Promise<EncodedImage> {
  const timings: Timings = {}
  const timed = createTimer(timings)
  const pyramid = await timed('decode', async () => await decode(bytes, settings))
  const { width, height } = pyramid
  const embed = async (picture: Pyramid, found: Found): Promise<EncodedMention[]> =>
    await embedFaces(picture, found, options, models, timed)
  if (options.boxes !== undefined) {
    const { boxes } = options
    refuseOutside(boxes, pyramid)
    const given = async (picture: Pyramid, of: readonly Box[]): Promise<EncodedMention[]> =>
      await embed(picture, await timed('detect', async () => await givenMentions(picture, of, models, settings)))
    const mentions = await given(pyramid, boxes)
    const turned = await turnBoxes(pyramid, boxes, mentions, given)
    return { width, height, ...turned, facesFound: boxes.length, facesRejected: 0, timings }
  }
  const found = await timed('detect', async () => await findMentions(pyramid, models, settings))
  const embedded = mergeOverlaps(await embed(pyramid, found))
  if (!embedded.some(isUsable)) {
    const all = { ...settings, maxFaces: Infinity }
    const find = async (picture: Pyramid): Promise<Found> => await timed('detect', async () => await findMentions(picture, models, all))
    const located = async (picture: Pyramid, of: readonly Box[]): Promise<LocatedFace[]> =>
      await timed('detect', async () => (await locate(picture, of, [], models)).map((face, i) => ({ ...face, box: of[i]!, score: null })))
    const turned = await searchTurned(pyramid, { find, locate: located, embed }, models, settings)
    if (turned !== null) return { width, height, ...turned, facesRejected: 0, timings }
  }
  const mentions = await timed('detect', async () => await rejectNoFaces(embedded, pyramid, models))
  const facesFound = found.found - found.faces.length + mentions.length
  return { width, height, mentions, facesFound, facesRejected: embedded.length - mentions.length, turnedBy: 0, timings }
}

/** Aligns and embeds faces and checks their quality. */
async function embedFaces (
  pyramid: Pyramid, { faces }: Found, options: EncodeOptions, models: EncodingModels, timed: TimedStage
): Promise<EncodedMention[]> {
  const aligned = await timed('align', () => faces.map(face => align(pyramid, face.box, face.landmarks, models.crop, models.input)))
  const { embeddings, contexts } = await timed('embed', async () => ({
    embeddings: await models.face.encode(aligned.map(a => a.crop)),
    contexts: options.context === true ? await embedContexts(pyramid, faces.map(f => f.box), models.clip) : []
  }))
  return faces.map(({ box, landmarks, score, spread }, i) => {
    const { embedding, featureNorm, viewAgreement } = embeddings[i]!
    const quality = { ...aligned[i]!.quality, featureNorm, viewAgreement, landmarkSpread: spread }
    const lacks = lackOf(quality, models.judged, 'mention')
    return { box, landmarks, detectionScore: score, quality, face: embedding, context: contexts[i], lacks }
  })
}

async function findMentions (pyramid: Pyramid, models: EncodingModels, settings: DetectSettings): Promise<Found> {
  const { faces, found } = await detect(pyramid, models.detector, settings)
  const located = await locate(pyramid, faces.map(f => f.box), faces, models)
  return { faces: faces.map((face, i) => ({ box: face.box, score: face.score, ...located[i]! })), found }
}

/** A box that is not inside the picture belongs to another picture or another frame. @throws VEL_ERR_BAD_BOXES */
function refuseOutside (boxes: readonly Box[], { width, height }: Pyramid): void {
  const outside = boxes.find(b => b.x1 < 0 || b.y1 < 0 || b.x2 > width || b.y2 > height)
  if (outside === undefined) return
  const { x1, y1, x2, y2 } = outside
  throw errors.badBoxes(`boxes inside the picture of ${width}x${height} px`, JSON.stringify([x1, y1, x2, y2]))
}

/** Mentions from the boxes of the caller. A detector that locates landmarks runs to find the face of each box. */
async function givenMentions (pyramid: Pyramid, boxes: readonly Box[], models: EncodingModels, settings: DetectSettings): Promise<Found> {
  const { detector } = models
  const detections = detector.locatesLandmarks ? (await detect(pyramid, detector, { ...settings, maxFaces: Infinity })).faces : []
  const nearest = (box: Box): Detection | undefined => detections.reduce<Detection | undefined>((best, face) => {
    const overlap = iou(face.box, box)
    return overlap >= SAME_FACE_IOU && overlap > (best === undefined ? 0 : iou(best.box, box)) ? face : best
  }, undefined)
  const located = await locate(pyramid, boxes, boxes.map(nearest), models)
  return { faces: boxes.map((box, i) => ({ box, score: null, ...located[i]! })), found: boxes.length }
}

async function locate (
  pyramid: Pyramid, boxes: readonly Box[], faces: ReadonlyArray<Detection | undefined>, models: EncodingModels
): Promise<Array<Pick<LocatedFace, 'landmarks' | 'spread'>>> {
  if (models.landmarks !== null) return await models.landmarks.locate(pyramid, boxes)
  return boxes.map((box, i) => ({ landmarks: faces[i]?.landmarks ?? meanLandmarks(box) }))
}

/** Average landmarks of an upright face in its box: for a box from the caller in which the detector finds no face. */
function meanLandmarks (box: Box): Landmarks {
  const at = (x: number, y: number): { x: number, y: number } => ({ x: box.x1 + x * (box.x2 - box.x1), y: box.y1 + y * (box.y2 - box.y1) })
  return [at(0.31, 0.4), at(0.69, 0.4), at(0.5, 0.6), at(0.34, 0.78), at(0.66, 0.78)]
}
