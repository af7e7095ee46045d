// The last stage: the first candidate, or none. NIL is an answer, not a failure.
import type { Candidate, Entity, LinkStatus } from '../types.ts'
import type { Decision } from '../ports.ts'

export interface Decided { readonly status: LinkStatus, readonly entity: Entity | null }

/**
 * linked: the first candidate's face similarity reaches the threshold and no second entity is nearer to it than the
 * margin. ambiguous: it reaches the threshold, but a second entity is that near. nil: it does not reach the threshold.
 *
 * @param candidates best first.
 */
export function decide (candidates: readonly Candidate[], decision: Decision): Decided {
  const [first, second] = candidates
  const similarity = first?.similarity.face
  if (first === undefined || similarity === undefined || similarity < decision.threshold) return { status: 'nil', entity: null }
  const runnerUp = second?.similarity.face
  if (runnerUp !== undefined && similarity - runnerUp < decision.ambiguousMargin) return { status: 'ambiguous', entity: null }
  return { status: 'linked', entity: first.entity }
}
