// Whether a photo can serve as a reference: it shows exactly one face, large and sharp enough to be recognised again.
import type { EncodedImage, EncodedMention } from '../../types.ts'
import { errors } from '../../errors.ts'

export interface FaceDemands {
  /** Short side, px of the original. */
  readonly minSizePx: number
  /** Mean squared Laplacian of the aligned crop. */
  readonly minSharpness: number
}

/** @throws VEL_ERR_UNUSABLE_PHOTO that says why */
export function oneUsableFace ({ mentions, width, height }: EncodedImage, { minSizePx, minSharpness }: FaceDemands): EncodedMention {
  const large = mentions.filter(({ quality }) => quality.faceSizePx >= minSizePx)
  const usable = large.filter(({ quality }) => quality.sharpness >= minSharpness)
  if (usable.length === 1) return usable[0]!
  if (usable.length > 1) throw errors.unusablePhoto(`one with ${usable.length}; crop it to the person`)
  if (large.length > 0) {
    const sharpest = Math.max(...large.map(({ quality }) => quality.sharpness)).toFixed(0)
    throw errors.unusablePhoto(`a blurred one (sharpness ${sharpest}, at least ${minSharpness} is needed)`)
  }
  if (mentions.length > 0) {
    const largest = Math.round(Math.max(...mentions.map(({ quality }) => quality.faceSizePx)))
    throw errors.unusablePhoto(`one whose face is too small (${largest} px on the short side, at least ${minSizePx} are needed)`)
  }
  throw errors.unusablePhoto(`one without a face that was found (${width}x${height} px)`)
}
