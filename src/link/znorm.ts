// Score normalisation of candidates by face (z-norm): the entity's cohort mean is subtracted from its similarity.
import type { KnowledgeBase } from '../kb/types.ts'
import type { Ranked } from './retrieve.ts'

/** Weight of the cohort mean. On the dev sets 0.3 to 0.7 rank better than 0, for cohorts of some hundred faces: RESULTS.md. */
export const ZNORM_WEIGHT = 0.5

/**
 * Score by face: similarity - weight * cohortMean.
 *
 * @param similarity cosine, -1..1.
 * @param cohortMean see `KnowledgeBase.cohortMean`; null counts as 0, so that the score is the similarity.
 * @see Auckenthaler et al. 2000, "Score Normalization for Text-Independent Speaker Verification Systems": zero
 *   normalisation, here without the division by the standard deviation and with faces of the gallery itself as the cohort
 */
export function faceScore (similarity: number, cohortMean: number | null, weight = ZNORM_WEIGHT): number {
  return similarity - weight * (cohortMean ?? 0)
}

/** Adds the score by face and the cohort mean to each candidate that has a similarity by face; order and scores stay. */
export async function addFaceScores (kb: KnowledgeBase, candidates: readonly Ranked[], weight = ZNORM_WEIGHT): Promise<Ranked[]> {
  return await Promise.all(candidates.map(async candidate => {
    const { entity, score, similarity } = candidate
    if (similarity.face === undefined) return candidate
    const cohortMean = await kb.cohortMean(entity)
    return { entity, score, similarity, faceScore: faceScore(similarity.face, cohortMean, weight), cohortMean }
  }))
}

/** Sorts candidates that were retrieved by face by their score by face, which becomes their score. */
export async function znorm (kb: KnowledgeBase, candidates: readonly Ranked[], weight = ZNORM_WEIGHT): Promise<Ranked[]> {
  return (await addFaceScores(kb, candidates, weight))
    .map(candidate => ({ ...candidate, score: candidate.faceScore! }))
    .sort((a, b) => b.score - a.score)
}
