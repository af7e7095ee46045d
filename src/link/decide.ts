// The last stage: links a mention to its first candidate or to none. NIL is an answer, not an error.
import type { EncodedMention, Entity, LinkStatus, Mode, NilReason } from '../types.ts'
import type { Calibration } from '../kb/calibration.ts'
import type { Decision, KnowledgeBase } from '../kb/types.ts'
import { featuresOf } from './features.ts'
import { probability } from './probability.ts'
import type { ScoredCandidate } from './retrieve.ts'

export interface FirstCandidate { readonly entity: Entity, readonly score: number | undefined }

/** `nilReason` is present if `status` is `nil`. */
export interface Decided { readonly status: LinkStatus, readonly entity: Entity | null, readonly nilReason?: NilReason }

/** A calibrated probability with the two limits that the calibration of the index sets on it. */
export interface Judged extends Pick<Calibration, 'linkFrom' | 'ambiguousFrom'> { readonly probability: number }

/**
 * Decides by the scores by face of the first two candidates.
 *
 * - accepted: score >= `threshold` or, with a calibration, probability >= `linkFrom`.
 * - plausible: probability >= `ambiguousFrom`; never without a calibration.
 * - close: the second score is less than `ambiguousMargin` below the first.
 *
 * `linked`: accepted and not close. `ambiguous`: close, and accepted, plausible or with a score >= `threshold`; or not
 * close, plausible and not accepted. `nil`: all else. With a close second the threshold counts beside the probability,
 * because two look-alikes share the probability and neither may reach its limit.
 *
 * @param first the first candidate with its score by face, cosine less the cohort mean: a fused or reranked score is on
 *   another scale than the threshold. A score of undefined (no face vector) is `nil`.
 * @param second score by face of the second candidate; undefined without a second candidate or without its face vector.
 */
export function decide (
  first: FirstCandidate | undefined, second: number | undefined, decision: Decision, judged: Judged | null = null
): Decided {
  if (first === undefined) return nil('noCandidate')
  if (first.score === undefined) return nil('noFaceCompared')
  const reachesThreshold = first.score >= decision.threshold
  const accepted = judged === null ? reachesThreshold : judged.probability >= judged.linkFrom
  const close = second !== undefined && first.score - second < decision.ambiguousMargin
  const plausible = judged !== null && judged.probability >= judged.ambiguousFrom
  if (close ? accepted || reachesThreshold || plausible : plausible && !accepted) return { status: 'ambiguous', entity: null }
  return accepted && !close ? { status: 'linked', entity: first.entity } : nil('threshold')
}

export function nil (nilReason: NilReason): Decided {
  return { status: 'nil', entity: null, nilReason }
}

/** Thresholds, calibration and size of an index. */
export interface Criteria {
  readonly decision: Decision
  readonly calibration?: Calibration | undefined
  /** Entities in the index now. */
  readonly entities: number
}

/** The criteria for candidates of a mode. A calibration is fitted to candidates in the order of `v2v` and holds for no other. */
export function criteriaFor (mode: Mode, kb: Pick<KnowledgeBase, 'decision' | 'calibration' | 'info'>): Criteria {
  const { decision, calibration, info } = kb
  return { decision, calibration: mode === 'v2v' ? calibration : undefined, entities: info.entities }
}

/** The decision on one mention; `probability` only where the criteria hold a calibration. */
export interface Judgement extends Decided { readonly probability?: number | undefined }

/**
 * Decides on one mention. A face of too little quality (`EncodedMention.lacks`) is `nil`: such faces are similar to each other,
 * so that a high similarity is no evidence.
 *
 * @param candidates best first, the first two with their scores by face.
 */
export function judge (mention: EncodedMention, candidates: readonly ScoredCandidate[], criteria: Criteria): Judgement {
  const { decision, calibration, entities } = criteria
  const [first, second] = candidates
  if (mention.lacks !== undefined) return nil('quality')
  if (first === undefined) return decide(undefined, undefined, decision)
  const scored = { entity: first.entity, score: first.faceScore }
  const features = calibration === undefined ? null : featuresOf(mention, candidates)
  if (calibration === undefined || features === null) return decide(scored, second?.faceScore, decision)
  const { linkFrom, ambiguousFrom } = calibration
  const p = probability(features, calibration, entities)
  return { ...decide(scored, second?.faceScore, decision, { probability: p, linkFrom, ambiguousFrom }), probability: p }
}
