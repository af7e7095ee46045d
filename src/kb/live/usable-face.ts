// Whether a photo can serve as a reference: it shows one prominent face that says enough to be recognised again.
import { lackOf, type JudgedModels } from '../../packs/evidence.ts'
import type { EncodedImage, EncodedMention } from '../../types.ts'
import { errors } from '../../errors.ts'
import { prominence } from '../dominant-face.ts'

export interface FaceDemands {
  /** Short side, px of the original. */
  readonly minSizePx: number
  /** Mean squared Laplacian of the aligned crop. */
  readonly minSharpness: number
}

/** A face this many times as prominent as the next usable one is the subject of the photo. */
const STANDS_OUT = 2
/** Boxes that a refusal lists. */
const LISTED_BOXES = 10

/**
 * The most prominent of the usable faces.
 *
 * @throws VEL_ERR_UNUSABLE_PHOTO that says why there is none, and which boxes were seen.
 */
export function usableFace (image: EncodedImage, judged: JudgedModels, demands: FaceDemands): EncodedMention {
  const judge = (mention: EncodedMention): { mention: EncodedMention, prominence: number, problem: string | null } =>
    ({ mention, prominence: prominence(mention, image), problem: problemOf(mention, judged, demands) })
  const faces = image.mentions.map(judge).sort((a, b) => b.prominence - a.prominence)
  const refuse = (received: string): Error => {
    const boxes = faces.slice(0, LISTED_BOXES).map(({ mention: { box } }) => {
      return `[${[box.x1, box.y1, box.x2, box.y2].map(Math.round).join(',')}]`
    })
    return errors.unusablePhoto(boxes.length === 0 ? received : `${received}; boxes seen: ${boxes.join(' ')}`)
  }
  const [first, second, ...more] = faces.filter(({ problem }) => problem === null)
  if (first === undefined) throw refuse(faces[0]?.problem ?? `one without a face that was found (${image.width}x${image.height} px)`)
  if (second !== undefined && first.prominence < STANDS_OUT * second.prominence) {
    throw refuse(`one with ${more.length + 2} usable faces of which none stands out; crop it to the person, or send the face's "box"`)
  }
  return first.mention
}

function problemOf ({ quality }: EncodedMention, judged: JudgedModels, { minSizePx, minSharpness }: FaceDemands): string | null {
  const { faceSizePx, sharpness } = quality
  if (faceSizePx < minSizePx) {
    return `one whose face is too small (${Math.round(faceSizePx)} px on the short side, at least ${minSizePx} are needed)`
  }
  if (sharpness < minSharpness) return `a blurred one (sharpness ${sharpness.toFixed(0)}, at least ${minSharpness} is needed)`
  const lacks = lackOf(quality, judged, 'enrolment')
  return lacks === undefined ? null : `one with ${lacks}`
}
