// The context of a mention: the wider crop that CLIP sees, and its embedding. Part of the stage `embed`.
import type { Box, Raster } from '../types.ts'
import type { ContextRegion, ContextModel } from '../models/types.ts'
import { errors } from '../errors.ts'
import type { Pyramid } from '../image/pyramid.ts'
import type { ResizeBicubic } from '../image/bicubic.ts'
import { clampBox, height, scaleBox, shortSide, width } from '../image/box.ts'

/** Above this factor the picture is halved first: this bounds the cost of the filter and hardly changes its result. */
const MAX_SHRINK = 3

/** The context of a mention, px of the original: the box scaled about its centre and clamped to the picture, or the whole picture. */
export function contextBox (box: Box, context: ContextRegion, picture: { readonly width: number, readonly height: number }): Box {
  if (context === 'image') return { x1: 0, y1: 0, x2: picture.width, y2: picture.height }
  return clampBox(scaleBox(box, context), picture.width, picture.height)
}

/**
 * Crops the context and prepares it as CLIP's image processor does: shortest side to `side` px by bicubic
 * interpolation, then the centre `side` x `side`.
 *
 * @returns uint8 `[side, side, 3]` RGB.
 * @see `CLIPImageProcessor` of transformers (Apache-2.0): the longer side is truncated, the crop's offset rounded down.
 */
export function cropContext (pyramid: Pyramid, box: Box, context: ContextRegion, side: number, resize: ResizeBicubic): Raster {
  const wanted = contextBox(box, context, pyramid)
  const finest = pyramid.level(0)
  const shrink = shortSide(wanted) * finest.width / pyramid.width / side
  const level = pyramid.level(shrink > MAX_SHRINK ? Math.floor(Math.log2(shrink / MAX_SHRINK)) + 1 : 0)
  const region = wholePixels(wanted, level, pyramid)
  const outWidth = Math.trunc(side * width(region) / shortSide(region))
  const outHeight = Math.trunc(side * height(region) / shortSide(region))
  const x1 = (outWidth - side) >> 1
  const y1 = (outHeight - side) >> 1
  return resize(level, region, outWidth, outHeight, { x1, y1, x2: x1 + side, y2: y1 + side })
}

/**
 * Embeds the context of each box in one batch; if the context is the whole picture, embeds it once.
 *
 * @returns one L2-normalised float32 `[clipDims]` for each box, in order.
 * @throws VEL_ERR_MODE_UNAVAILABLE without a CLIP image encoder.
 */
export async function embedContexts (pyramid: Pyramid, boxes: readonly Box[], clip: ContextModel | undefined): Promise<Float32Array[]> {
  if (clip === undefined) throw errors.modeUnavailable('v2v', 'one that compares texts', 'the model pack has no CLIP image encoder')
  const distinct = clip.context === 'image' ? boxes.slice(0, 1) : boxes
  const embeddings = await clip.encoder.encode(distinct.map(box => cropContext(pyramid, box, clip.context, clip.input.width, clip.resize)))
  return boxes.map((_, i) => embeddings[clip.context === 'image' ? 0 : i]!)
}

/** `box` in px of `level`, rounded outwards to whole px: at least one px wide and high, inside the level. */
function wholePixels (box: Box, level: Raster, picture: { readonly width: number, readonly height: number }): Box {
  const sx = level.width / picture.width
  const sy = level.height / picture.height
  const from = (v: number, size: number): number => Math.min(size - 1, Math.max(0, Math.floor(v + 1e-6)))
  const to = (v: number, start: number, size: number): number => Math.min(size, Math.max(start + 1, Math.ceil(v - 1e-6)))
  const x1 = from(box.x1 * sx, level.width)
  const y1 = from(box.y1 * sy, level.height)
  return { x1, y1, x2: to(box.x2 * sx, x1, level.width), y2: to(box.y2 * sy, y1, level.height) }
}
