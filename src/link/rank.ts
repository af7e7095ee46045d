// A mention's embeddings to its candidates: retrieve, then rerank or fuse, as the plan says.
import type { EncodedMention, Order } from '../types.ts'
import type { KnowledgeBase } from '../kb/types.ts'
import { DECIDE_TOP_K } from './features.ts'
import { EQUAL_WEIGHTS, fuse } from './fuse.ts'
import type { RankingPlan } from './plan.ts'
import { rerank } from './rerank.ts'
import { compare, retrieve, type Probe, type Ranked, type ScoredCandidate } from './retrieve.ts'
import { addFaceScores, znorm } from './znorm.ts'

/** Wraps the work of a stage, to time it. A stage may run more than once a mention. */
export type Timed = <T>(stage: 'retrieve' | 'rerank', work: () => Promise<T>) => Promise<T>

const untimed: Timed = async (_, work) => await work()

/**
 * Finds a mention's candidates.
 *
 * @param mention L2-normalised embeddings; `context` is needed by every mode but `v2v`.
 * @returns at most `plan.topK`, best first, each with its similarity in every modality that the mode compares and the
 *   entity has a vector for; the first two with their score by face.
 */
export async function rankCandidates (
  kb: KnowledgeBase, mention: Pick<EncodedMention, 'face' | 'context'>, plan: RankingPlan, timed: Timed = untimed
): Promise<ScoredCandidate[]> {
  const face: Probe = { modality: 'face', space: 'face', embedding: mention.face }
  const text = (): Probe => ({ modality: 'text', space: plan.textSpace, embedding: contextOf(mention) })
  const ranked = plan.mode === 'v2v'
    ? await timed('retrieve', async () => await rankByFace(kb, face, plan.topK))
    : plan.mode === 'v2t'
      ? await timed('retrieve', async () => await retrieve(kb, text(), plan.topK))
      : await rankByBoth(kb, face, text(), plan, timed)
  return ranked.slice(0, plan.topK).map((candidate, i) => ({ rank: i + 1, ...candidate }))
}

/** Only those that a decision looks at change places, so that it does not depend on how many are asked for. */
async function rankByFace (kb: KnowledgeBase, face: Probe, topK: number): Promise<Ranked[]> {
  const found = await retrieve(kb, face, Math.max(topK, DECIDE_TOP_K))
  return [...await znorm(kb, found.slice(0, DECIDE_TOP_K)), ...await znorm(kb, found.slice(DECIDE_TOP_K))]
}

async function rankByBoth (kb: KnowledgeBase, face: Probe, text: Probe, plan: RankingPlan, timed: Timed): Promise<Ranked[]> {
  if (plan.order === 'fusion') return await fuseBoth(kb, face, text, plan, timed)
  const [first, second] = probesInOrder(plan.order, face, text)
  // What is returned after the reranked ones also comes from here, with both similarities.
  const found = await timed('retrieve', async () => await retrieve(kb, first, Math.max(plan.rerankK, plan.topK)))
  return await timed('rerank', async () => await scoreFirst(kb, rerank(await compare(kb, found, second), second.modality, plan.rerankK)))
}

function probesInOrder (order: Exclude<Order, 'fusion'>, face: Probe, text: Probe): readonly [Probe, Probe] {
  return order === 'face-text' ? [face, text] : [text, face]
}

/** The union of the first `rerankK` of both lists, those found by face first; each is then compared with what it was not found by. */
async function fuseBoth (kb: KnowledgeBase, face: Probe, text: Probe, plan: RankingPlan, timed: Timed): Promise<Ranked[]> {
  const { rerankK } = plan
  const [byFace, byText] = await timed('retrieve', async () => await Promise.all([retrieve(kb, face, rerankK), retrieve(kb, text, rerankK)]))
  return await timed('rerank', async () => {
    const seen = new Set(byFace.map(c => c.entity.id))
    const union = [...await compare(kb, byFace, text), ...await compare(kb, byText.filter(c => !seen.has(c.entity.id)), face)]
    return await scoreFirst(kb, fuse(union, kb.fusion ?? EQUAL_WEIGHTS))
  })
}

/** Adds the scores by face of the first two candidates: only these are compared by the decision. */
async function scoreFirst (kb: KnowledgeBase, candidates: readonly Ranked[]): Promise<Ranked[]> {
  return [...await addFaceScores(kb, candidates.slice(0, 2)), ...candidates.slice(2)]
}

function contextOf ({ context }: Pick<EncodedMention, 'context'>): Float32Array {
  if (context === undefined) throw new TypeError('Expected a mention encoded with its context, received one without')
  return context
}
