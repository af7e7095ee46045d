// THE PATH: bytes -> decode -> detect -> align -> embed (in a worker) -> retrieve -> decide -> links.
import type { Candidate, LinkedImage, LinkImage, Link, LinkOptions, MentionEncoder, ModelInfo, Timings } from '../types.ts'
import type { KnowledgeBase } from '../ports.ts'
import { createJudge } from './decide.ts'

export interface LinkParts {
  readonly encoder: MentionEncoder
  /** Asked for once an image, so that every mention of one image is linked against one version of the index. */
  readonly knowledgeBase: () => KnowledgeBase
  readonly models: () => readonly ModelInfo[]
}

/** Candidates returned where the caller does not say. */
const DEFAULT_TOP_K = 5

export function createLinkImage ({ encoder, knowledgeBase, models }: LinkParts): LinkImage {
  const judge = createJudge()
  return async (bytes: Uint8Array, options: LinkOptions, signal?: AbortSignal): Promise<LinkedImage> => {
    const kb = knowledgeBase()
    const encoded = await encoder.encode(bytes, { boxes: options.boxes }, signal)
    const timings: Timings = { ...encoded.timings, retrieve: 0, decide: 0 }
    const links: Link[] = []
    for (const mention of encoded.mentions) {
      const start = performance.now()
      // Two at least: whether a link is ambiguous is seen from the second.
      const neighbours = await kb.search('face', mention.face, Math.max(2, options.topK ?? DEFAULT_TOP_K))
      const candidates: Candidate[] = neighbours.map(({ entity, similarity }, i) => ({ rank: i + 1, entity, score: similarity, similarity: { face: similarity } }))
      const retrieved = performance.now()
      const decided = await judge(mention, candidates, kb)
      timings.retrieve! += retrieved - start
      timings.decide! += performance.now() - retrieved
      links.push({ mention, ...decided, candidates: candidates.slice(0, options.topK ?? DEFAULT_TOP_K) })
    }
    return { width: encoded.width, height: encoded.height, links, facesFound: encoded.facesFound, index: kb.info, models: models(), timings }
  }
}
