// Candidates by face, made comparable: what is usual for an entity is taken off its similarity.
import type { KnowledgeBase } from '../kb/types.ts'
import type { Ranked } from './retrieve.ts'

/**
 * How much of what is usual is taken off. On the dev sets anything from 0.3 to 0.7 found more people than none, in
 * cohorts of any hundreds of faces; the figures are in RESULTS.md.
 */
export const ZNORM_WEIGHT = 0.5

/**
 * Score by face: similarity - weight * usual, where `usual` is by how much others are more similar to the entity than to
 * people at large (`KnowledgeBase.usual`), null where the index has too few faces to tell: then it is the similarity.
 *
 * @see Auckenthaler et al. 2000, "Score Normalization for Text-Independent Speaker Verification Systems": zero
 *   normalisation, here with the gallery itself as cohort, so that no strangers need be kept
 */
export function faceScore (similarity: number, usual: number | null, weight = ZNORM_WEIGHT): number {
  return similarity - weight * (usual ?? 0)
}

/** The same candidates, found by face, in the order of their score. */
export async function znorm (kb: KnowledgeBase, candidates: readonly Ranked[], weight = ZNORM_WEIGHT): Promise<Ranked[]> {
  const usual = await Promise.all(candidates.map(async ({ entity }) => await kb.cohortMean(entity)))
  return candidates
    .map((candidate, i) => ({ ...candidate, score: faceScore(candidate.score, usual[i]!, weight) }))
    .sort((a, b) => b.score - a.score)
}
