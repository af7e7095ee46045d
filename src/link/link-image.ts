// THE PATH: bytes -> decode -> detect -> align -> embed (in a worker) -> retrieve -> rerank -> decide -> links.
import type { Candidate, LinkedImage, LinkImage, Link, MentionEncoder, ModelInfo, Timings } from '../types.ts'
import { createTimer } from '../timings.ts'
import type { KnowledgeBase } from '../kb/types.ts'
import { criteriaFor, judge } from './decide.ts'
import { DECIDE_TOP_K } from './features.ts'
import { decideJointly } from './joint.ts'
import { planRanking, type PackSpaces } from './plan.ts'
import { rankCandidates } from './rank.ts'
import type { ScoredCandidate } from './retrieve.ts'

export interface LinkParts {
  readonly encoder: MentionEncoder
  readonly pack: PackSpaces
  readonly models: () => readonly ModelInfo[]
}

/** Links one image against one view of the knowledge base, so that all mentions see the same version of the index. */
export type LinkAgainst = (kb: KnowledgeBase, ...image: Parameters<LinkImage>) => Promise<LinkedImage>

export function createLinkImage ({ encoder, pack, models }: LinkParts): LinkAgainst {
  return async (kb, bytes, options, signal) => {
    const plan = planRanking(options, kb, pack)
    const encoded = await encoder.encode(bytes, { boxes: options.boxes, context: plan.mode !== 'v2v' }, signal)
    const timings: Timings = { ...encoded.timings }
    const timed = createTimer(timings)
    const criteria = criteriaFor(plan.mode, kb)
    const links: Link[] = []
    for (const mention of encoded.mentions) {
      // After an abort the remaining mentions would only delay other requests.
      signal?.throwIfAborted()
      const candidates = await rankCandidates(kb, mention, { ...plan, topK: Math.max(DECIDE_TOP_K, plan.topK) }, timed)
      const decided = await timed('decide', async () => judge(mention, candidates, criteria))
      links.push({ mention, ...decided, candidates: candidates.slice(0, plan.topK).map(withoutScores) })
    }
    const { width, height, facesFound, facesRejected, turnedBy } = encoded
    const joint = decideJointly(links, criteria.decision.threshold)
    return { width, height, links: joint, facesFound, facesRejected, turnedBy, index: kb.info, models: models(), timings }
  }
}

/** The candidate as replies carry it. */
function withoutScores ({ rank, entity, score, similarity }: ScoredCandidate): Candidate {
  return { rank, entity, score, similarity }
}
