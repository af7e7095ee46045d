// Features of a mention and its candidates, from which the calibration computes a probability.
import type { EncodedMention } from '../types.ts'
import type { Features } from '../kb/calibration.ts'
import type { ScoredCandidate } from './retrieve.ts'

/** Number of candidates that the decision uses, however few are returned. */
export const DECIDE_TOP_K = 21
/** Fewest candidates after the first whose mean similarity is a feature. */
const MIN_TNORM = 10

/**
 * Features of the first candidate.
 *
 * - similarity: cosine of mention and first entity, -1..1.
 * - margin: first score less second score; null without a second candidate.
 * - crowd: t-norm mean, the mean cosine of the mention to the entities at ranks 2 to 21; null for fewer than ten. A blurred
 *   face is similar to many entities, so a high similarity to the first is weaker evidence.
 * - usual: cohort mean of the first entity (`KnowledgeBase.cohortMean`); null where it is unknown.
 * - faceSize: natural logarithm of the short side of the box, px. sharpness: ln(1 + sharpness of the mention).
 * - detectionScore: of the mention, 0..1; null for a box from the caller.
 * - featureNorm, viewAgreement: of the mention (`Quality`); null for a pack without them.
 * - landmarkSpread: natural logarithm of that of the mention; null for a pack without it.
 *
 * @param candidates by face, best first, the first with its cohort mean. @returns null without a candidate.
 * @see Auckenthaler et al. 2000, "Score Normalization for Text-Independent Speaker Verification Systems": t-norm
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
    detectionScore: mention.detectionScore,
    featureNorm: mention.quality.featureNorm ?? null,
    viewAgreement: mention.quality.viewAgreement ?? null,
    landmarkSpread: mention.quality.landmarkSpread === undefined ? null : Math.log(mention.quality.landmarkSpread)
  }
}

function tnormMean (candidates: readonly ScoredCandidate[]): number | null {
  const others = candidates.slice(1, DECIDE_TOP_K)
  return others.length < MIN_TNORM ? null : others.reduce((sum, { similarity }) => sum + similarity.face!, 0) / others.length
}
