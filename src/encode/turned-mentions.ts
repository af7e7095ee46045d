// The mentions of a picture whose faces are not upright: found and embedded in its quarter turns.
import type { Box, EncodedImage, EncodedMention, Turn } from '../types.ts'
import type { EncodingModels } from '../models/types.ts'
import { area } from '../image/box.ts'
import { Pyramid } from '../image/pyramid.ts'
import { lackOf } from '../packs/evidence.ts'
import { wholePixels, type DetectSettings, type Found, type LocatedFace } from './detect.ts'
import { mergeOverlaps } from './evidence.ts'
import { boxToSent, boxToTurned, landmarksToSent, TURNS, turnPicture, type Size } from './turn.ts'

/** How `encodeImage` works on one picture, turned or not. */
export interface Passes {
  /** Faces of a picture, in its px. */
  readonly find: (picture: Pyramid) => Promise<Found>
  /** The faces in boxes of a picture. */
  readonly locate: (picture: Pyramid, boxes: readonly Box[]) => Promise<LocatedFace[]>
  readonly embed: (picture: Pyramid, found: Found) => Promise<EncodedMention[]>
}

export const isUsable = ({ lacks }: EncodedMention): boolean => lacks === undefined

/** Largest size at which a turned picture is searched, width * height in px: three more searches at full size would take too long. */
const TURNED_PIXELS = 500_000

/**
 * Searches the quarter turns of a picture. Faces are found at a reduced size and embedded at full size.
 *
 * @returns the usable mentions, each face once and at most `maxFaces`, in px of the picture as sent; null without any. The
 *   turn with the most evidence counts; a face of another turn must be as good as a reference.
 */
export async function searchTurned (
  pyramid: Pyramid, { find, locate, embed }: Passes, { judged, landmarks }: EncodingModels, { maxFaces }: Pick<DetectSettings, 'maxFaces'>
): Promise<Pick<EncodedImage, 'mentions' | 'facesFound' | 'turnedBy'> | null> {
  const turns: Array<{ turn: Turn, beyond: number, mentions: EncodedMention[] }> = []
  for (const turn of TURNS) {
    const reduced = turnPicture(pyramid, turn, TURNED_PIXELS)
    // In px of its own, so that the search goes down to the smallest face of the reduced picture and no further.
    const { faces } = await find(new Pyramid(reduced.level(0)))
    const scale = reduced.width / reduced.level(0).width
    const settled = faces
      .filter(({ spread }) => lackOf({ landmarkSpread: spread }, judged, 'mention') === undefined)
      .map(face => enlarge(face, scale))
    const beyond = settled.splice(maxFaces).length
    if (settled.length === 0) continue
    const picture = turnPicture(pyramid, turn)
    // At full size a locator sees more of the face; a detector has given its landmarks already.
    const located = landmarks === null ? settled : await locate(picture, settled.map(({ box }) => box))
    const scored = located.map((face, i) => ({ ...face, score: settled[i]!.score }))
    const mentions = await embed(picture, { faces: scored, found: scored.length })
    turns.push({ turn, beyond, mentions: mentions.filter(isUsable).map(mention => asSent(mention, turn, picture)) })
  }
  const evidence = ({ mentions }: typeof turns[number]): number =>
    mentions.reduce((sum, { quality }) => sum + (quality.featureNorm ?? 1), 0)
  const best = turns.reduce<typeof turns[number] | null>((a, b) => a === null || evidence(b) > evidence(a) ? b : a, null)
  if (best === null || best.mentions.length === 0) return null
  const others = turns.filter(turn => turn !== best).flatMap(({ mentions }) => mentions)
  const good = others.filter(({ quality }) => lackOf(quality, judged, 'reference') === undefined)
  const mentions = mergeOverlaps([...best.mentions, ...good]).sort((a, b) => area(b.box) - area(a.box))
  return { mentions: mentions.slice(0, maxFaces), facesFound: mentions.length + best.beyond, turnedBy: best.turn }
}

/** Embeds the boxes without a usable face again in turned pictures; each box takes the first turn in which its face is usable. */
export async function turnBoxes (
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

function enlarge ({ box, landmarks, ...rest }: LocatedFace, scale: number): LocatedFace {
  const points = landmarks.map(({ x, y }) => ({ x: x * scale, y: y * scale })) as unknown as LocatedFace['landmarks']
  return { ...rest, landmarks: points, box: { x1: box.x1 * scale, y1: box.y1 * scale, x2: box.x2 * scale, y2: box.y2 * scale } }
}
