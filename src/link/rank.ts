// Embeddings of a mention to its candidates: retrieve, then normalise, rerank or fuse according to the plan.
import type { EncodedMention, Order } from '../types.ts'
import type { KnowledgeBase } from '../kb/types.ts'
import { DECIDE_TOP_K } from './features.ts'
import { EQUAL_WEIGHTS, fuse } from './fuse.ts'
import type { RankingPlan } from './plan.ts'
import { rerank } from './rerank.ts'
import { compare, retrieve, type Probe, type Ranked, type ScoredCandidate } from './retrieve.ts'
import { addFaceScores, znorm } from './znorm.ts'

/** Runs the work of a stage and measures its time. A stage may run more than once for one mention. */
export type Timed = <T>(stage: 'retrieve' | 'rerank', work: () => Promise<T>) => Promise<T>

const untimed: Timed = async (_, work) => await work()

/**
 * Finds the candidates of a mention.
 *
 * @param mention L2-normalised embeddings; every mode but `v2v` needs `context`.
 * @returns at most `plan.topK`, best first. Each has its similarity in every modality that the mode compares and the entity
 *   has a vector for; at least the first two have their score by face.
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

/** Only the candidates that the decision uses are reordered together, so that the first ranks do not depend on `topK`. */
async function rankByFace (kb: KnowledgeBase, face: Probe, topK: number): Promise<Ranked[]> {
  const found = await retrieve(kb, face, Math.max(topK, DECIDE_TOP_K))
  return [...await znorm(kb, found.slice(0, DECIDE_TOP_K)), ...await znorm(kb, found.slice(DECIDE_TOP_K))]
}

async function rankByBoth (kb: KnowledgeBase, face: Probe, text: Probe, plan: RankingPlan, timed: Timed): Promise<Ranked[]> {
  if (plan.order === 'fusion') return await fuseBoth(kb, face, text, plan, timed)
  const [first, second] = probesInOrder(plan.order, face, text)
  // Up to `topK`, candidates beyond `rerankK` follow the reranked ones, also with both similarities.
  const found = await timed('retrieve', async () => await retrieve(kb, first, Math.max(plan.rerankK, plan.topK)))
  return await timed('rerank', async () => await scoreFirst(kb, rerank(await compare(kb, found, second), second.modality, plan.rerankK)))
}

function probesInOrder (order: Exclude<Order, 'fusion'>, face: Probe, text: Probe): readonly [Probe, Probe] {
  return order === 'face-text' ? [face, text] : [text, face]
}

/** Fuses the union of the first `rerankK` of each modality; each candidate is compared in the modality that did not retrieve it. */
async function fuseBoth (kb: KnowledgeBase, face: Probe, text: Probe, plan: RankingPlan, timed: Timed): Promise<Ranked[]> {
  const [byFace, byText] = await timed('retrieve', async () =>
    await Promise.all([retrieve(kb, face, plan.rerankK), retrieve(kb, text, plan.rerankK)]))
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
