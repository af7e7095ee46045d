// How much a face must say: limits of a pack on the quality of a mention, of a reference photo of a build, and of a photo
// that is enrolled while serving.
import type { Quality } from '../types.ts'
import type { FaceManifest, LandmarksManifest } from './manifest.ts'

export type Use = 'mention' | 'reference' | 'enrolment'

/** The models whose output is judged, with their limits. */
export interface JudgedModels {
  readonly face: Pick<FaceManifest, 'minFeatureNorm'>
  readonly landmarks?: Pick<LandmarksManifest, 'maxSpread'> | undefined
}

/** @returns what `quality` lacks for `use`, as part of a sentence; undefined where it lacks nothing that the pack can tell. */
export function lackOf (
  { featureNorm, landmarkSpread }: Pick<Quality, 'featureNorm' | 'landmarkSpread'>, { face, landmarks }: JudgedModels, use: Use
): string | undefined {
  const least = face.minFeatureNorm?.[use]
  const most = landmarks?.maxSpread?.[use]
  if (landmarkSpread !== undefined && most !== undefined && landmarkSpread > most) {
    return `landmarks that do not settle (spread ${landmarkSpread.toFixed(3)}, at most ${most})`
  }
  if (featureNorm !== undefined && least !== undefined && featureNorm < least) {
    return `a face that says too little (feature norm ${featureNorm.toFixed(2)}, at least ${least})`
  }
}

/** Whether a pack can judge faces at all: an encoder that normalises inside its graph, for one, has no feature norm. */
export function hasLimits ({ face, landmarks }: JudgedModels): boolean {
  return face.minFeatureNorm !== undefined || landmarks?.maxSpread !== undefined
}
