// The last stage: the first candidate, or none. NIL is an answer, not a failure.
import type { Candidate, EncodedMention, Entity, LinkStatus } from '../types.ts'
import type { Calibration } from '../kb/calibration.ts'
import type { Decision, KnowledgeBase } from '../kb/types.ts'
import { featuresOf } from './features.ts'
import { faceScore } from './znorm.ts'
import { probability } from './probability.ts'

export interface Decided { readonly status: LinkStatus, readonly entity: Entity | null }

/** A calibrated probability, and what the index's calibration makes of it. */
export interface Judged extends Pick<Calibration, 'linkFrom' | 'ambiguousFrom'> { readonly probability: number }

/**
 * linked: the first candidate is good enough, and no second entity is nearer to it than the margin. ambiguous: it is good
 * enough, but a second entity is that near; or it is more likely right than not, but not good enough. nil: else.
 *
 * Good enough is a face score from the threshold on or, in a calibrated index, a probability from `linkFrom` on.
 * More likely right than not is a probability from `ambiguousFrom` on; without calibration there is no such state. Two
 * look-alikes that both reach the threshold are ambiguous at any probability, since it is shared between them.
 *
 * @param first whom to link, and the score by face, whatever the order was: a fused or reranked score says nothing of faces.
 * @param second the score by face of the second candidate. Undefined where there is none, or no face to compare.
 */
export function decide (first: { readonly entity: Entity, readonly score: number | undefined } | undefined, second: number | undefined, decision: Decision, judged: Judged | null = null): Decided {
  if (first?.score === undefined) return { status: 'nil', entity: null }
  const reaches = first.score >= decision.threshold
  const good = judged === null ? reaches : judged.probability >= judged.linkFrom
  const near = second !== undefined && first.score - second < decision.ambiguousMargin
  const likely = judged !== null && judged.probability >= judged.ambiguousFrom
  if (near ? good || reaches || likely : likely && !good) return { status: 'ambiguous', entity: null }
  return good && !near ? { status: 'linked', entity: first.entity } : { status: 'nil', entity: null }
}

/**
 * Decides, with the probability where the index is calibrated for candidates in this order.
 *
 * @param candidates best first.
 * @param byFace whether faces alone were compared. What a calibration learnt of them says nothing of other orders.
 */
export type Judge = (mention: EncodedMention, candidates: readonly Candidate[], kb: KnowledgeBase, byFace: boolean) => Promise<Decided & { readonly probability?: number | undefined }>

export const judge: Judge = async (mention, candidates, kb, byFace) => {
  const { decision, calibration } = kb
  const [first, second] = candidates
  if (first === undefined) return decide(undefined, undefined, decision)
  const scoreOf = async ({ entity, similarity: { face } }: Candidate): Promise<number | undefined> => face === undefined ? undefined : faceScore(face, await kb.cohortMean(entity))
  const scored = { entity: first.entity, score: await scoreOf(first) }
  const runnerUp = second === undefined ? undefined : await scoreOf(second)
  const features = calibration === undefined || !byFace ? null : featuresOf(mention, candidates, await kb.cohortMean(first.entity))
  if (calibration === undefined || features === null) return decide(scored, runnerUp, decision)
  const { linkFrom, ambiguousFrom } = calibration
  const p = probability(features, calibration, kb.info.entities)
  return { ...decide(scored, runnerUp, decision, { probability: p, linkFrom, ambiguousFrom }), probability: p }
}
