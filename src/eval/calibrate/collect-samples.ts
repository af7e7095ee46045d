// Encoded queries to what a calibration learns from: the features that the decide stage would see.
import type { KnowledgeBase } from '../../kb/types.ts'
import { featuresOf } from '../../link/features.ts'
import type { Sample } from './calibrate.ts'
import { photoOf, type EncodedQuery } from '../data/encode-queries.ts'
import { rankOf } from '../metrics/recall.ts'
import { rankByFace, ranked } from '../systems.ts'

/** Leaves out queries whose entity is not in the index. The mentions of a stranger's photo count as one person. */
export async function collectSamples (
  kb: KnowledgeBase,
  answers: readonly EncodedQuery[],
  onProgress: (done: number) => void = () => {}
): Promise<Sample[]> {
  const samples: Sample[] = []
  for (const [i, { query, mention }] of answers.entries()) {
    onProgress(i + 1)
    if (query.entityId !== null && kb.entity(query.entityId) === undefined) continue
    const candidates = mention === null ? [] : await rankByFace(kb, mention)
    samples.push({
      person: query.entityId ?? `stranger ${photoOf({ query })}`,
      stranger: query.entityId === null,
      // A mention that says too little is never linked: nothing is learnt of it.
      features: mention === null || mention.lacks !== undefined ? null : featuresOf(mention, candidates),
      right: query.entityId !== null && rankOf(ranked(candidates), query.entityId) === 1
    })
  }
  return samples
}
