// The subject of a reference photo.
import type { EncodedImage, EncodedMention } from '../../types.ts'
import { shortSide } from '../../image/box.ts'

/** Weight of the distance from the centre against size. */
const CENTRE_WEIGHT = 4

/**
 * The most prominent mention: large and near the centre. Maximises shortSide / (1 + 4 d), where d is the distance between the
 * centres of the box and of the picture over half the diagonal of the picture. Undefined without mentions.
 */
export function dominantFace (image: Pick<EncodedImage, 'width' | 'height' | 'mentions'>): EncodedMention | undefined {
  const halfDiagonal = Math.hypot(image.width, image.height) / 2
  const prominence = ({ box }: EncodedMention): number => {
    const distance = Math.hypot((box.x1 + box.x2 - image.width) / 2, (box.y1 + box.y2 - image.height) / 2) / halfDiagonal
    return shortSide(box) / (1 + CENTRE_WEIGHT * distance)
  }
  return image.mentions.reduce<EncodedMention | undefined>((best, mention) => {
    return best === undefined || prominence(mention) > prominence(best) ? mention : best
  }, undefined)
}
