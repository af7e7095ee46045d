// The subject of a reference photo.
import type { EncodedImage, EncodedMention } from '../types.ts'
import { shortSide } from '../image/box.ts'

/** Weight of the distance from the centre against size. */
const CENTRE_WEIGHT = 4

type Size = Pick<EncodedImage, 'width' | 'height'>

/**
 * How much a face stands out: large and near the centre.
 *
 * @returns shortSide / (1 + 4 d), px, where d is the distance between the centres of the box and of the picture over half the
 *   diagonal of the picture.
 */
export function prominence ({ box }: Pick<EncodedMention, 'box'>, { width, height }: Size): number {
  const halfDiagonal = Math.hypot(width, height) / 2
  const distance = Math.hypot((box.x1 + box.x2 - width) / 2, (box.y1 + box.y2 - height) / 2) / halfDiagonal
  return shortSide(box) / (1 + CENTRE_WEIGHT * distance)
}

/** The most prominent mention among those that lack nothing or, where all lack something, among all; undefined without mentions. */
export function dominantFace (image: Size & Pick<EncodedImage, 'mentions'>): EncodedMention | undefined {
  const whole = image.mentions.filter(({ lacks }) => lacks === undefined)
  return (whole.length > 0 ? whole : image.mentions).reduce<EncodedMention | undefined>((best, mention) => {
    return best === undefined || prominence(mention, image) > prominence(best, image) ? mention : best
  }, undefined)
}
