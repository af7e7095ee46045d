// Reorders candidates that one modality retrieved by their similarity in the other.
import type { Modality } from '../types.ts'
import type { Ranked } from './retrieve.ts'

/** Width of the range of cosines: subtracted, it puts every first similarity below every second one. */
const COSINE_RANGE = 2

/**
 * Reorders the first `k` candidates by their similarity in `second`.
 *
 * - Those with a similarity in `second` come first, ordered by it; equals keep their order. Their score is that
 *   similarity, -1..1.
 * - The other candidates of the first `k` and all candidates after `k` follow in their order. Their score is lowered by 2,
 *   so that scores fall along the list.
 *
 * If `k` is at least the number of candidates, the order is that of the second modality alone.
 *
 * @param candidates of the first modality, best first, score = similarity.
 * @see Sun et al. 2022, "Visual Named Entity Linking: A New Dataset and A Baseline", V2VT
 */
export function rerank (candidates: readonly Ranked[], second: Modality, k: number): Ranked[] {
  const rescored: Ranked[] = []
  const others: Ranked[] = []
  candidates.forEach((candidate, i) => {
    const similarity = candidate.similarity[second]
    if (i < k && similarity !== undefined) rescored.push({ entity: candidate.entity, score: similarity, similarity: candidate.similarity })
    else others.push({ entity: candidate.entity, score: candidate.score - COSINE_RANGE, similarity: candidate.similarity })
  })
  return [...rescored.sort((a, b) => b.score - a.score), ...others]
}
