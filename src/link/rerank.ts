// Retrieve with one modality, reorder with the other.
import type { Modality } from '../types.ts'
import type { Ranked } from './retrieve.ts'

/** Puts every score that is a first similarity below every score that is a second one: cosines span two. */
const BEHIND = 2

/**
 * Reorders the first `k` candidates by their similarity in `second`.
 *
 * - Of the first `k`, those with a similarity in `second` come first, ordered by it; equals keep their order. Their
 *   score is that similarity, -1..1.
 * - Then come, in the order they had, those of the first `k` without one, and all candidates after `k`. Their score is
 *   the score they had, minus 2, so that scores fall along the list.
 *
 * With `k` of at least the number of candidates the order is that of the second modality alone.
 *
 * @param candidates of the first modality, best first, score = similarity.
 * @see Sun et al. 2022, "Visual Named Entity Linking: A New Dataset and A Baseline", V2VT
 */
export function rerank (candidates: readonly Ranked[], second: Modality, k: number): Ranked[] {
  const rescored: Ranked[] = []
  const behind: Ranked[] = []
  candidates.forEach((candidate, i) => {
    const similarity = candidate.similarity[second]
    if (i < k && similarity !== undefined) rescored.push({ entity: candidate.entity, score: similarity, similarity: candidate.similarity })
    else behind.push({ entity: candidate.entity, score: candidate.score - BEHIND, similarity: candidate.similarity })
  })
  return [...rescored.sort((a, b) => b.score - a.score), ...behind]
}
