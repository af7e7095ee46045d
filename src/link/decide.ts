// The last stage: the first candidate, or none. NIL is an answer, not a failure.
import type { EncodedMention, Entity, LinkStatus, Mode } from '../types.ts'
import type { Calibration } from '../kb/calibration.ts'
import type { Decision, KnowledgeBase } from '../kb/types.ts'
import { featuresOf } from './features.ts'
import { probability } from './probability.ts'
import type { ScoredCandidate } from './retrieve.ts'

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

/** What an index decides by. */
export interface Criteria {
  readonly decision: Decision
  readonly calibration?: Calibration | undefined
  /** Entities in the index now. */
  readonly entities: number
}

/** The criteria for candidates of a mode. A calibration is fitted to candidates in order of their score by face: to `v2v` alone. */
export function criteriaFor (mode: Mode, { decision, calibration, info }: Pick<KnowledgeBase, 'decision' | 'calibration' | 'info'>): Criteria {
  return { decision, calibration: mode === 'v2v' ? calibration : undefined, entities: info.entities }
}

/** The decision on one mention; `probability` only where the criteria hold a calibration. */
export interface Judgement extends Decided { readonly probability?: number | undefined }

/** @param candidates best first, the first two with their scores by face. */
export function judge (mention: EncodedMention, candidates: readonly ScoredCandidate[], criteria: Criteria): Judgement {
  const { decision, calibration, entities } = criteria
  const [first, second] = candidates
  if (first === undefined) return decide(undefined, undefined, decision)
  const scored = { entity: first.entity, score: first.faceScore }
  const features = calibration === undefined ? null : featuresOf(mention, candidates)
  if (calibration === undefined || features === null) return decide(scored, second?.faceScore, decision)
  const { linkFrom, ambiguousFrom } = calibration
  const p = probability(features, calibration, entities)
  return { ...decide(scored, second?.faceScore, decision, { probability: p, linkFrom, ambiguousFrom }), probability: p }
}
