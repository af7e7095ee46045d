// A face in the picture to the aligned crop that the face encoder was trained on.
import type { Box, Landmarks, Point, Quality, Raster } from '../types.ts'
import type { CropManifest, ModelInput } from '../packs/manifest.ts'
import type { Pyramid } from '../image/pyramid.ts'
import { frameToBox, invert, similarity } from '../image/affine.ts'
import { scaleBox, shortSide } from '../image/box.ts'

/** The five points of the ArcFace template, px of a 112 x 112 crop. @see insightface `face_align.py` (MIT) */
const ARCFACE_TEMPLATE: readonly Point[] = [
  { x: 38.2946, y: 51.6963 }, { x: 73.5318, y: 51.5014 }, { x: 56.0252, y: 71.7366 }, { x: 41.5493, y: 92.3655 }, { x: 70.7299, y: 92.2041 }
]
const ARCFACE_SIDE = 112

export interface AlignedFace { readonly crop: Raster, readonly quality: Quality }

/**
 * Warps one face to `input.width` x `input.height`: by the least-squares similarity transform of its landmarks to the
 * template or, for encoders trained on boxes, the box with both sides multiplied by 1 + `margin`.
 *
 * @returns uint8 RGB, black outside the picture. If all landmarks coincide, the box is used.
 */
export function align (pyramid: Pyramid, box: Box, landmarks: Landmarks, crop: CropManifest, input: ModelInput): AlignedFace {
  const toOriginal = crop.kind === 'template' ? templateToOriginal(landmarks, input.width) : null
  const margin = crop.kind === 'box' ? crop.margin : 0
  const raster = pyramid.warp(toOriginal ?? frameToBox(scaleBox(box, 1 + margin), input.width, input.height), input.width, input.height)
  return { crop: raster, quality: { faceSizePx: shortSide(box), sharpness: sharpness(raster) } }
}

function templateToOriginal (landmarks: Landmarks, side: number): ReturnType<typeof invert> {
  const template = ARCFACE_TEMPLATE.map(p => ({ x: p.x * side / ARCFACE_SIDE, y: p.y * side / ARCFACE_SIDE }))
  const toTemplate = similarity(landmarks, template)
  return toTemplate === null ? null : invert(toTemplate)
}

/** Mean squared 4-neighbour Laplacian of the green channel over the crop's middle half, grey levels squared. */
function sharpness ({ data, width, height }: Raster): number {
  let sum = 0
  let n = 0
  const stride = width * 3
  for (let y = height >> 2; y < height - (height >> 2); y++) {
    for (let x = width >> 2, i = y * stride + x * 3 + 1; x < width - (width >> 2); x++, i += 3, n++) {
      const laplacian = 4 * data[i]! - data[i - 3]! - data[i + 3]! - data[i - stride]! - data[i + stride]!
      sum += laplacian * laplacian
    }
  }
  return sum / n
}
