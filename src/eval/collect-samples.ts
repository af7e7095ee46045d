// Encoded queries to what a calibration learns from: the features that the decide stage would see.
import type { Candidate, EncodedMention, Neighbour } from '../types.ts'
import type { KnowledgeBase } from '../ports.ts'
import { createUsual, DECIDE_TOP_K, featuresOf } from '../pipeline/features.ts'
import type { Sample } from './calibrate.ts'
import type { EncodedQuery } from './encode-queries.ts'
import { DEPTH, rankOf } from './metrics.ts'
import { ranked, search } from './rows.ts'

/** Queries whose entity is not in the index are left out. Each stranger is a person of its own. */
export async function collectSamples (kb: KnowledgeBase, answers: readonly EncodedQuery[], onProgress: (done: number) => void = () => {}): Promise<Sample[]> {
  const usual = createUsual()
  const features = async (mention: EncodedMention, nearest: readonly Neighbour[]): Promise<Sample['features']> =>
    nearest[0] === undefined ? null : featuresOf(mention, faceCandidates(nearest), await usual(kb, nearest[0].entity))
  const samples: Sample[] = []
  for (const [i, { query, mention }] of answers.entries()) {
    onProgress(i + 1)
    if (query.entityId !== null && kb.entity(query.entityId) === undefined) continue
    const nearest = mention === null ? [] : await search(kb, mention, 'face', Math.max(DEPTH, DECIDE_TOP_K))
    samples.push({
      person: query.entityId ?? `stranger ${i}`,
      stranger: query.entityId === null,
      features: mention === null ? null : await features(mention, nearest),
      right: query.entityId !== null && rankOf(ranked(nearest), query.entityId) === 1
    })
  }
  return samples
}

export function faceCandidates (nearest: readonly Neighbour[]): Candidate[] {
  return nearest.map(({ entity, similarity }, i) => ({ rank: i + 1, entity, score: similarity, similarity: { face: similarity } }))
}
