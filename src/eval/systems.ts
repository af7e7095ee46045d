// The ways to rank entities for a mention that the paper compares, each as the service ranks.
import type { Candidate, EncodedMention, Neighbour, Space } from '../types.ts'
import type { KnowledgeBase } from '../kb/types.ts'
import { DEFAULT_ORDER, DEFAULT_RERANK_K, textSpaceOf, type RankingPlan } from '../link/plan.ts'
import { DECIDE_TOP_K } from '../link/features.ts'
import { rankCandidates } from '../link/rank.ts'
import type { ScoredCandidate } from '../link/retrieve.ts'
import type { Ranked } from './metrics/recall.ts'

/** One way to rank: a row of the paper's Table 3. */
export interface System {
  readonly name: string
  /** Needs the embedding of the context crop. */
  readonly context: boolean
  /** How the service decides on these candidates; null for a ranking that it never uses by default. */
  readonly decides: 'by face' | 'by both' | null
  /** DECIDE_TOP_K candidates, best first. */
  rank: (mention: EncodedMention) => Promise<ScoredCandidate[]>
}

/** A V2VT system: the top candidates of the first space, reordered by the second. */
export interface RerankSystem { readonly name: string, readonly first: Space, readonly second: Space }

const TEXTS = [['name', 'name'], ['name_description', 'name+description']] as const

/** Text spaces of the index; none without CLIP, which embeds the context crops that are compared with them. */
function textsOf (kb: KnowledgeBase, clip: boolean): ReadonlyArray<typeof TEXTS[number]> {
  return clip ? TEXTS.filter(([space]) => kb.dims[space] !== undefined) : []
}

/** Systems that this index and these models can serve. Reports give open-set figures of the first. */
export function systemsOf (kb: KnowledgeBase, clip: boolean): System[] {
  const face = kb.dims.face !== undefined
  const texts = textsOf(kb, clip)
  const row = (name: string, plan: Pick<RankingPlan, 'mode' | 'order' | 'textSpace'>): System => ({
    name,
    context: plan.mode !== 'v2v',
    decides:
      plan.mode === 'v2v'
        ? 'by face'
        : plan.mode === 'v2vt' && plan.order === DEFAULT_ORDER && plan.textSpace === textSpaceOf(kb)
          ? 'by both'
          : null,
    rank: async mention => await rankCandidates(kb, mention, { ...plan, rerankK: DEFAULT_RERANK_K[plan.order], topK: DECIDE_TOP_K })
  })
  return [
    ...(face ? [row('V2V', { mode: 'v2v', order: 'face-text', textSpace: 'name' })] : []),
    ...texts.map(([textSpace, name]) => row(`V2T ${name}`, { mode: 'v2t', order: 'face-text', textSpace })),
    ...(face ? texts : []).flatMap(([textSpace, name]) => [
      row(`V2VT face→text (${name})`, { mode: 'v2vt', order: 'face-text', textSpace }),
      row(`V2VT text→face (${name})`, { mode: 'v2vt', order: 'text-face', textSpace })
    ]),
    ...(face ? texts : []).map(([textSpace, name]) => row(`V2VT fusion (${name})`, { mode: 'v2vt', order: 'fusion', textSpace }))
  ]
}

/** DECIDE_TOP_K candidates by face, best first. */
export async function rankByFace (kb: KnowledgeBase, mention: EncodedMention): Promise<ScoredCandidate[]> {
  return await rankCandidates(kb, mention, {
    mode: 'v2v',
    order: 'face-text',
    textSpace: 'name',
    rerankK: DEFAULT_RERANK_K['face-text'],
    topK: DECIDE_TOP_K
  })
}

export function rerankSystemsOf (kb: KnowledgeBase, clip: boolean): RerankSystem[] {
  if (kb.dims.face === undefined) return []
  return textsOf(kb, clip).flatMap(([space, name]): RerankSystem[] => [
    { name: `V2VT face→text (${name})`, first: 'face', second: space },
    { name: `V2VT text→face (${name})`, first: space, second: 'face' }
  ])
}

export async function search (kb: KnowledgeBase, mention: EncodedMention, space: Space, k: number): Promise<Neighbour[]> {
  return await kb.search(space, embeddingFor(mention, space), Math.min(k, kb.info.entities))
}

export function ranked (candidates: readonly Candidate[]): Ranked[] {
  return candidates.map(({ entity, score }) => ({ id: entity.id, score }))
}

export function embeddingFor (mention: EncodedMention, space: Space): Float32Array {
  if (space === 'face') return mention.face
  if (mention.context === undefined) throw new TypeError(`Expected a context embedding to search ${space}, the mention has none`)
  return mention.context
}
