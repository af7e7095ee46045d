// Candidates by face, made comparable: what is usual for an entity is taken off its similarity.
import type { KnowledgeBase } from '../ports.ts'
import type { Ranked } from './retrieve.ts'

/**
 * How much of what is usual is taken off. On the dev sets anything from 0.3 to 0.7 found more people than none, in
 * cohorts of any hundreds of faces; the figures are in RESULTS.md.
 */
export const USUAL_WEIGHT = 0.5

/**
 * score = similarity - weight * usual, where `usual` is by how much others are more similar to the entity than to
 * people at large (`KnowledgeBase.usual`). An index with too few faces to tell leaves scores and order alone.
 *
 * @see Auckenthaler et al. 2000, "Score Normalization for Text-Independent Speaker Verification Systems": zero
 *   normalisation, here with the gallery itself as cohort, so that no strangers need be kept
 */
export async function normalise (kb: KnowledgeBase, candidates: readonly Ranked[], weight = USUAL_WEIGHT): Promise<Ranked[]> {
  const usual = await Promise.all(candidates.map(async ({ entity }) => await kb.usual(entity)))
  return candidates
    .map((candidate, i) => ({ ...candidate, score: candidate.score - weight * (usual[i] ?? 0) }))
    .sort((a, b) => b.score - a.score)
}
