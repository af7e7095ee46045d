// THE PATH: bytes -> decode -> detect -> align -> embed (in a worker) -> retrieve -> rerank -> decide -> links.
import type { LinkedImage, LinkImage, MentionEncoder, ModelInfo, Timings } from '../types.ts'
import { createTimer } from '../timings.ts'
import type { KnowledgeBase } from '../kb/types.ts'
import { linkMentions } from './link-mentions.ts'
import { planRanking, type PackSpaces } from './plan.ts'

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
    const { links, hints } = await linkMentions(kb, encoded.mentions, plan, options, createTimer(timings), signal)
    const { width, height, facesFound, facesRejected, turnedBy } = encoded
    return {
      width,
      height,
      links,
      facesFound,
      facesRejected,
      turnedBy,
      ...(hints !== undefined && { hints }),
      index: kb.info,
      models: models(),
      timings
    }
  }
}
