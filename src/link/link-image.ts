// THE PATH: bytes -> decode -> detect -> align -> embed (in a worker) -> retrieve -> rerank -> decide -> links.
import type { LinkedImage, LinkImage, Link, MentionEncoder, ModelInfo, Timings } from '../types.ts'
import type { KnowledgeBase } from '../kb/types.ts'
import { judge } from './decide.ts'
import { DECIDE_TOP_K } from './features.ts'
import { planRanking, type PackSpaces } from './plan.ts'
import { rankCandidates, type Timed } from './rank.ts'

export interface LinkParts {
  readonly encoder: MentionEncoder
  readonly pack: PackSpaces
  readonly models: () => readonly ModelInfo[]
}

/** Links one image against the knowledge base it is given, so that all its mentions see one version of the index. */
export type LinkAgainst = (kb: KnowledgeBase, ...image: Parameters<LinkImage>) => Promise<LinkedImage>

export function createLinkImage ({ encoder, pack, models }: LinkParts): LinkAgainst {
  return async (kb, bytes, options, signal) => {
    const plan = planRanking(options, kb, pack)
    const encoded = await encoder.encode(bytes, { boxes: options.boxes, context: plan.mode !== 'v2v' }, signal)
    const timings: Timings = { ...encoded.timings }
    const timed = async <T>(stage: Parameters<Timed>[0] | 'decide', work: () => Promise<T>): Promise<T> => {
      const start = performance.now()
      const result = await work()
      timings[stage] = (timings[stage] ?? 0) + performance.now() - start
      return result
    }
    const links: Link[] = []
    for (const mention of encoded.mentions) {
      // Nobody waits any more: what is left would only hold up others.
      signal?.throwIfAborted()
      const candidates = await rankCandidates(kb, mention, { ...plan, topK: Math.max(DECIDE_TOP_K, plan.topK) }, timed)
      const decided = await timed('decide', async () => await judge(mention, candidates, kb, plan.mode === 'v2v'))
      links.push({ mention, ...decided, candidates: candidates.slice(0, plan.topK) })
    }
    return { width: encoded.width, height: encoded.height, links, facesFound: encoded.facesFound, index: kb.info, models: models(), timings }
  }
}
