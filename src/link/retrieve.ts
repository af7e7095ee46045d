// One embedding of a mention to the most similar entities.
import type { Candidate, Modality, Space } from '../types.ts'
import type { KnowledgeBase } from '../kb/types.ts'

/** The query of one modality: an embedding of the mention and the space to search. */
export interface Probe {
  readonly modality: Modality
  readonly space: Space
  /** L2-normalised float32 `[kb.dims[space]]`. */
  readonly embedding: Float32Array
}

/** What the decision needs of a candidate by face. Internal: no reply carries it. Absent without a similarity by face. */
export interface FaceScored {
  /** Similarity by face after score normalisation, whatever the candidates are ordered by. */
  readonly faceScore?: number | undefined
  /** `KnowledgeBase.cohortMean` of the entity. */
  readonly cohortMean?: number | null | undefined
}

/** A candidate of a list that is still being reordered: its rank is its position. */
export interface Ranked extends Omit<Candidate, 'rank'>, FaceScored {}

/** A candidate as the decision sees it. */
export interface ScoredCandidate extends Candidate, FaceScored {}

/** The `k` entities most similar to the probe, best first; score = similarity. Entities without a vector in the space are left out. */
export async function retrieve (kb: KnowledgeBase, { modality, space, embedding }: Probe, k: number): Promise<Ranked[]> {
  const neighbours = await kb.search(space, embedding, Math.min(k, kb.info.entities))
  return neighbours.map(({ entity, similarity }) => ({ entity, score: similarity, similarity: { [modality]: similarity } }))
}

/** Adds the similarity to `probe` to each candidate with a vector in its space; order and scores stay. */
export async function compare (kb: KnowledgeBase, candidates: readonly Ranked[], { modality, space, embedding }: Probe): Promise<Ranked[]> {
  const similarities = await kb.similarities(space, embedding, candidates.map(c => c.entity))
  // Members are named: spreading hundreds of candidates takes as long as comparing them.
  return candidates.map(({ entity, score, similarity }, i) => {
    const added = similarities[i]!
    return Number.isNaN(added) ? candidates[i]! : { entity, score, similarity: both(similarity, modality, added) }
  })
}

function both ({ face, text }: Ranked['similarity'], modality: Modality, added: number): Ranked['similarity'] {
  if (modality === 'text') return face === undefined ? { text: added } : { face, text: added }
  return text === undefined ? { face: added } : { face: added, text }
}
