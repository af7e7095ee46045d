// The ways to rank entities for a mention that the paper compares, each as the service ranks.
import type { Candidate, EncodedMention, Neighbour, Space } from '../types.ts'
import type { KnowledgeBase } from '../kb/types.ts'
import { DEFAULT_ORDER, DEFAULT_RERANK_K, textSpaceOf, type RankingPlan } from '../link/plan.ts'
import { DECIDE_TOP_K } from '../link/features.ts'
import { rankCandidates } from '../link/rank.ts'
import type { ScoredCandidate } from '../link/retrieve.ts'
import type { Ranked } from './metrics/recall.ts'

/** One way to rank; the paper's Table 3 has a row for each. */
export interface Row {
  readonly name: string
  /** Needs the embedding of the context crop. */
  readonly context: boolean
  /** How the service decides on these candidates by default; null where it never ranks so by default. */
  readonly decides: 'by face' | 'by both' | null
  /** As many as a decision looks at, best first. */
  rank: (mention: EncodedMention) => Promise<ScoredCandidate[]>
}

/** A V2VT row: the first candidates by the first space, ordered by the second. */
export interface RerankRow { readonly name: string, readonly first: Space, readonly second: Space }

const TEXTS = [['name', 'name'], ['name_description', 'name+description']] as const

/** The texts that the index holds. Mentions are compared with them by their context crop, so CLIP must be there too. */
function textsOf (kb: KnowledgeBase, clip: boolean): ReadonlyArray<typeof TEXTS[number]> {
  return clip ? TEXTS.filter(([space]) => kb.dims[space] !== undefined) : []
}

/** Rows that this index and these models can serve. The first is the one whose open-set figures are told. */
export function systemsOf (kb: KnowledgeBase, clip: boolean): Row[] {
  const face = kb.dims.face !== undefined
  const texts = textsOf(kb, clip)
  const row = (name: string, plan: Pick<RankingPlan, 'mode' | 'order' | 'textSpace'>): Row => ({
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

/** As many candidates as the decision looks at. */
export async function rankByFace (kb: KnowledgeBase, mention: EncodedMention): Promise<ScoredCandidate[]> {
  return await rankCandidates(kb, mention, {
    mode: 'v2v',
    order: 'face-text',
    textSpace: 'name',
    rerankK: DEFAULT_RERANK_K['face-text'],
    topK: DECIDE_TOP_K
  })
}

export function rerankRowsOf (kb: KnowledgeBase, clip: boolean): RerankRow[] {
  if (kb.dims.face === undefined) return []
  return textsOf(kb, clip).flatMap(([space, name]): RerankRow[] => [
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
