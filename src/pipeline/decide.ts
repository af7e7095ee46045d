// The last stage: the first candidate, or none. NIL is an answer, not a failure.
import type { Candidate, EncodedMention, Entity, LinkStatus } from '../types.ts'
import type { Calibration } from '../calibration.ts'
import type { Decision, KnowledgeBase } from '../ports.ts'
import { facesAlone, featuresOf } from './features.ts'
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
 * @param candidates best first.
 * @param byFace whether faces alone were compared: scores are then on the threshold's scale. Else similarities of faces
 *   are taken: an order that texts had a say in tells nothing of faces.
 */
export function decide (candidates: readonly Candidate[], decision: Decision, judged: Judged | null = null, byFace = facesAlone(candidates)): Decided {
  const [first, second] = candidates
  const faceScore = ({ score, similarity: { face } }: Candidate): number | undefined => byFace && face !== undefined ? score : face
  const best = first === undefined ? undefined : faceScore(first)
  if (first === undefined || best === undefined) return { status: 'nil', entity: null }
  const reaches = best >= decision.threshold
  const good = judged === null ? reaches : judged.probability >= judged.linkFrom
  const runnerUp = second === undefined ? undefined : faceScore(second)
  const near = runnerUp !== undefined && best - runnerUp < decision.ambiguousMargin
  const likely = judged !== null && judged.probability >= judged.ambiguousFrom
  if (near ? good || reaches || likely : likely && !good) return { status: 'ambiguous', entity: null }
  return good && !near ? { status: 'linked', entity: first.entity } : { status: 'nil', entity: null }
}

/** Decides, with the probability where the index is calibrated for candidates in this order. */
export type Judge = (mention: EncodedMention, candidates: readonly Candidate[], kb: KnowledgeBase, byFace?: boolean) => Promise<Decided & { readonly probability?: number | undefined }>

export const judge: Judge = async (mention, candidates, kb, byFace = facesAlone(candidates)) => {
  const { decision, calibration } = kb
  const features = calibration === undefined || candidates[0] === undefined || !byFace ? null : featuresOf(mention, candidates, await kb.usual(candidates[0].entity))
  if (calibration === undefined || features === null) return decide(candidates, decision, null, byFace)
  const { linkFrom, ambiguousFrom } = calibration
  const p = probability(features, calibration, kb.info.entities)
  return { ...decide(candidates, decision, { probability: p, linkFrom, ambiguousFrom }), probability: p }
}
