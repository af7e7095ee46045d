// Rejects detections that are no faces, and merges overlapping mentions of one face.
import type { EncodedMention } from '../types.ts'
import type { Pyramid } from '../image/pyramid.ts'
import type { EncodingModels } from '../models/types.ts'
import { iou, overlapOfSmaller } from '../image/box.ts'
import { dot } from '../math/vector.ts'

/** Smallest cosine of overlapping mentions of the same face. */
const SAME_FACE = 0.5
/** Smallest overlaps of two boxes that may show the same face. */
const MIN_IOU = 0.25
const MIN_OVERLAP = 0.45

/**
 * Removes detections that are no faces: the landmarks are not stable, and the feature norm is far below that of faces or the
 * detector does not confirm the face in frames around the box.
 */
export async function rejectNoFaces (
  mentions: readonly EncodedMention[], pyramid: Pyramid, models: EncodingModels
): Promise<EncodedMention[]> {
  const faces: EncodedMention[] = []
  for (const mention of mentions) if (mention.lacks === undefined || await isFace(mention, pyramid, models)) faces.push(mention)
  return faces
}

async function isFace ({ box, quality }: EncodedMention, pyramid: Pyramid, { detector, judged }: EncodingModels): Promise<boolean> {
  const { featureNorm, landmarkSpread } = quality
  const maxSpread = judged.landmarks?.maxSpread?.mention
  if (landmarkSpread !== undefined && maxSpread !== undefined && landmarkSpread <= maxSpread) return true
  const minNorm = judged.face.minFeatureNorm?.face
  if (featureNorm !== undefined && minNorm !== undefined && featureNorm < minNorm) return false
  return await detector.confirm?.(pyramid, box) ?? true
}

/** Keeps one mention for each face: the better of two overlapping ones, if their faces are the same or one is of too little quality. */
export function mergeOverlaps (mentions: readonly EncodedMention[]): EncodedMention[] {
  const better = [...mentions].sort((a, b) => rank(b) - rank(a))
  const kept: EncodedMention[] = []
  for (const mention of better) if (!kept.some(other => isSameFace(other, mention))) kept.push(mention)
  return mentions.filter(mention => kept.includes(mention))
}

const rank = ({ lacks, quality, detectionScore }: EncodedMention): number =>
  (lacks === undefined ? 1000 : 0) + 10 * (quality.featureNorm ?? 0) + (detectionScore ?? 0)

function isSameFace (a: EncodedMention, b: EncodedMention): boolean {
  if (iou(a.box, b.box) < MIN_IOU && overlapOfSmaller(a.box, b.box) < MIN_OVERLAP) return false
  return a.lacks !== undefined || b.lacks !== undefined || dot(a.face, b.face) >= SAME_FACE
}
