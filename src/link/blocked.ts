// The blocklist: a decision and its candidates without those who must not be named.
import type { EncodedMention } from '../types.ts'
import { judge, nil, type Criteria, type Judgement } from './decide.ts'
import type { ScoredCandidate } from './retrieve.ts'

/** Blocked candidates that are made up for by as many more, so that `topK` are still told. */
export const MADE_UP_FOR = 20

const NOBODY: ReadonlySet<string> = new Set()

export interface Told extends Judgement { readonly candidates: readonly ScoredCandidate[] }

/**
 * Judges one mention with all candidates, then leaves out the blocked ones.
 *
 * A blocked first candidate makes the mention `nil`, also where the next one would be linked without him: the photo is his, not
 * his lookalike's. The reply is the one of an index that does not have him, with two exceptions: nobody else is linked or
 * ambiguous, and the probability that the next one is right is then at most 1 - p, p being his own, since only one can be right.
 *
 * @param candidates best first, the first two with their scores by face.
 * @returns candidates with ranks from 1.
 */
export function judgeUnblocked (
  mention: EncodedMention, candidates: readonly ScoredCandidate[], criteria: Criteria, blocked: ReadonlySet<string> = NOBODY
): Told {
  const judged = judge(mention, candidates, criteria)
  const told = candidates.filter(({ entity }) => !blocked.has(entity.id))
  if (told.length === candidates.length) return { ...judged, candidates }
  const ranked = told.map((candidate, i) => ({ ...candidate, rank: i + 1 }))
  if (ranked[0]?.entity.id === candidates[0]!.entity.id) return { ...judged, candidates: ranked }
  const others = judge(mention, ranked, criteria)
  const isFaceless = others.nilReason === 'noFaceCompared' && judged.nilReason !== 'noFaceCompared'
  if (others.status === 'nil' && !isFaceless) return { ...others, candidates: ranked }
  const p = others.probability === undefined ? undefined : Math.min(others.probability, 1 - (judged.probability ?? 0))
  return { ...nil('threshold'), ...(p === undefined ? {} : { probability: p }), candidates: ranked }
}
