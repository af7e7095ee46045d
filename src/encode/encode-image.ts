// The encoding half of the path: bytes -> decode -> detect -> align -> embed. Runs in a worker process, without an index.
import type { Box, Detection, EncodedImage, EncodedMention, EncodeOptions, Landmarks, Stage, Timings, Turn } from '../types.ts'
import type { EncodingModels } from '../models/types.ts'
import type { Pyramid } from '../image/pyramid.ts'
import { errors } from '../errors.ts'
import { createTimer } from '../timings.ts'
import { area, iou } from '../image/box.ts'
import { lackOf } from '../packs/evidence.ts'
import { align } from './align.ts'
import { embedContexts } from './context.ts'
import { decode, type DecodeLimits } from './decode.ts'
import { detect, wholePixels, type DetectSettings } from './detect.ts'
import { mergeOverlaps, rejectNoFaces } from './evidence.ts'
import { boxToSent, boxToTurned, landmarksToSent, TURNS, turnPicture, type Size } from './turn.ts'

export type EncodingSettings = DecodeLimits & DetectSettings

/** Raised by any change of the code that changes mentions or links of an image: it invalidates encoded photos and cached results. */
export const ENCODING_REVISION = 5

/** Smallest IoU of a box from the caller and a detection that supplies its landmarks. */
const SAME_FACE_IOU = 0.5

/** Faces of one picture before they are embedded. */
interface Found { readonly faces: ReadonlyArray<LocatedFace>, readonly found: number }

interface LocatedFace {
  readonly box: Box
  readonly score: number | null
  readonly landmarks: Landmarks
  readonly spread?: number | undefined
}

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
    const turned = await searchTurned(pyramid, find, embed, models, settings)
    if (turned !== null) return { width, height, ...turned, facesRejected: 0, timings }
  }
  const mentions = await timed('detect', async () => await rejectNoFaces(embedded, pyramid, models))
  const facesFound = found.found - found.faces.length + mentions.length
  return { width, height, mentions, facesFound, facesRejected: embedded.length - mentions.length, turnedBy: 0, timings }
}

const isUsable = ({ lacks }: EncodedMention): boolean => lacks === undefined

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

/** Largest size at which a turned picture is searched, px: three more searches at full size would take too long. */
const TURNED_PIXELS = 500_000

/**
 * Searches the quarter turns of a picture. Faces are found at a reduced size and embedded at full size.
 *
 * @returns the usable mentions, each face once and at most `maxFaces`, in px of the picture as sent; null without any. The
 *   turn with the most evidence counts; a face of another turn must be as good as a reference.
 */
async function searchTurned (
  pyramid: Pyramid,
  find: (picture: Pyramid) => Promise<Found>,
  embed: (picture: Pyramid, found: Found) => Promise<EncodedMention[]>,
  { judged }: EncodingModels,
  { maxFaces }: DetectSettings
): Promise<Pick<EncodedImage, 'mentions' | 'facesFound' | 'turnedBy'> | null> {
  const turns: Array<{ turn: Turn, found: number, mentions: EncodedMention[] }> = []
  for (const turn of TURNS) {
    const { faces } = await find(turnPicture(pyramid, turn, TURNED_PIXELS))
    const settled = faces.filter(({ spread }) => lackOf({ landmarkSpread: spread }, judged, 'mention') === undefined)
    if (settled.length === 0) continue
    const picture = turnPicture(pyramid, turn)
    const mentions = await embed(picture, { faces: settled.slice(0, maxFaces), found: settled.length })
    turns.push({ turn, found: settled.length, mentions: mentions.filter(isUsable).map(mention => asSent(mention, turn, picture)) })
  }
  const evidence = ({ mentions }: typeof turns[number]): number =>
    mentions.reduce((sum, { quality }) => sum + (quality.featureNorm ?? 1), 0)
  const best = turns.reduce<typeof turns[number] | null>((a, b) => a === null || evidence(b) > evidence(a) ? b : a, null)
  if (best === null || best.mentions.length === 0) return null
  const others = turns.filter(turn => turn !== best).flatMap(({ mentions }) => mentions)
  const good = others.filter(({ quality }) => lackOf(quality, judged, 'reference') === undefined)
  const mentions = mergeOverlaps([...best.mentions, ...good]).sort((a, b) => area(b.box) - area(a.box))
  return { mentions: mentions.slice(0, maxFaces), facesFound: Math.max(best.found, mentions.length), turnedBy: best.turn }
}

/** Embeds the boxes without a usable face again in turned pictures; each box takes the first turn in which its face is usable. */
async function turnBoxes (
  pyramid: Pyramid,
  boxes: readonly Box[],
  upright: readonly EncodedMention[],
  given: (picture: Pyramid, boxes: readonly Box[]) => Promise<EncodedMention[]>
): Promise<Pick<EncodedImage, 'mentions' | 'turnedBy'>> {
  const mentions = [...upright]
  let turnedBy: Turn = 0
  for (const turn of TURNS) {
    const open = mentions.flatMap((mention, i) => isUsable(mention) ? [] : [i])
    if (open.length === 0) break
    const picture = turnPicture(pyramid, turn)
    const again = await given(picture, open.map(i => boxToTurned(boxes[i]!, turn, picture)))
    again.forEach((mention, n) => {
      if (!isUsable(mention)) return
      if (turnedBy === 0 && !upright.some(isUsable)) turnedBy = turn
      mentions[open[n]!] = { ...asSent(mention, turn, picture), box: boxes[open[n]!]! }
    })
  }
  return { mentions, turnedBy }
}

function asSent (mention: EncodedMention, turn: Turn, turned: Size): EncodedMention {
  return { ...mention, box: wholePixels(boxToSent(mention.box, turn, turned)), landmarks: landmarksToSent(mention.landmarks, turn, turned) }
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
