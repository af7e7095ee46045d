// What is known when a mention is decided: of its first candidates, of the face, and of the entity it may be.
import type { EncodedMention } from '../types.ts'
import type { Features } from '../kb/calibration.ts'
import type { ScoredCandidate } from './retrieve.ts'

/** Candidates that the decision looks at, however few are returned. */
export const DECIDE_TOP_K = 21
/** Fewer than this say nothing of the crowd. */
const SMALLEST_CROWD = 10

/**
 * Features of the first candidate.
 *
 * - similarity: cosine of mention and first entity.
 * - margin: by how much the second entity's score is less; null where there is no second.
 * - crowd: mean cosine of the mention to the entities at ranks 2 to 21; null where there are fewer than ten. A blurred or
 *   odd face is near to many; what counts is by how much the first stands out: test normalisation.
 * - usual: by how much others are more similar to the first entity than to people at large. It is in the order of the
 *   candidates already; here it says what the similarity is worth.
 * - faceSize: natural logarithm of the box's short side, px. sharpness: natural logarithm of 1 + the mention's.
 * - detectionScore: as the mention's.
 *
 * @param candidates by face, best first. @returns null where there is none.
 */
export function featuresOf (mention: EncodedMention, candidates: readonly ScoredCandidate[]): Features | null {
  const [first, second] = candidates
  if (first?.similarity.face === undefined) return null
  return {
    similarity: first.similarity.face,
    margin: second === undefined ? null : first.score - second.score,
    crowd: tnormMean(candidates),
    usual: first.cohortMean ?? null,
    faceSize: Math.log(mention.quality.faceSizePx),
    sharpness: Math.log(1 + mention.quality.sharpness),
    detectionScore: mention.detectionScore
  }
}

function tnormMean (candidates: readonly ScoredCandidate[]): number | null {
  const others = candidates.slice(1, DECIDE_TOP_K)
  return others.length < SMALLEST_CROWD ? null : others.reduce((sum, { similarity }) => sum + similarity.face!, 0) / others.length
}
