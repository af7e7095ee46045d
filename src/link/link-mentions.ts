// Mentions to links: candidates of each mention, then the decision on all mentions of the picture together.
import type { Candidate, EncodedMention, Hints, Link, LinkOptions, Stage } from '../types.ts'
import type { KnowledgeBase } from '../kb/types.ts'
import { judgeUnblocked, MADE_UP_FOR } from './blocked.ts'
import { criteriaFor } from './decide.ts'
import { DECIDE_TOP_K } from './features.ts'
import { compareNamed, decideAll, describeHints, impossibleLast, peopleNamed } from './hints/steps.ts'
import { resolveHints } from './hints/resolve.ts'
import type { FaceEvidence } from './hints/weigh.ts'
import { decideJointly } from './joint.ts'
import type { RankingPlan } from './plan.ts'
import { rankCandidates } from './rank.ts'
import type { ScoredCandidate } from './retrieve.ts'

/** Runs the work of a stage and measures its time. */
export type TimedStage = <T>(stage: Stage, work: () => Promise<T>) => Promise<T>

/**
 * Links the mentions of one picture.
 *
 * @param options caption, shortlist and date of the picture; the others are in `plan`.
 * @param signal its abort ends the work between two mentions: the remaining ones would only delay other requests.
 * @returns a link for each mention, in order. `hints` only where the request said more than the photo.
 */
export async function linkMentions (
  kb: KnowledgeBase,
  mentions: readonly EncodedMention[],
  plan: RankingPlan,
  options: Pick<LinkOptions, 'caption' | 'entities' | 'entitiesMode' | 'takenAt'>,
  timed: TimedStage,
  signal?: AbortSignal
): Promise<{ links: Link[], hints?: Hints }> {
  const criteria = criteriaFor(plan.mode, kb)
  const hints = await timed('decide', async () => await resolveHints(options, kb))
  const pairs = criteria.calibration?.pairs
  const named = hints === null ? [] : peopleNamed(hints)
  const topK = Math.max(DECIDE_TOP_K, plan.topK + Math.min(kb.blocked?.size ?? 0, MADE_UP_FOR))
  const faces: FaceEvidence[] = []
  for (const mention of mentions) {
    signal?.throwIfAborted()
    const ranked = await rankCandidates(kb, mention, { ...plan, topK }, timed)
    const candidates = hints === null || pairs === undefined ? ranked : impossibleLast(ranked, hints.takenIn)
    faces.push(await timed('decide', async () => {
      const { candidates: told, ...judgement } = judgeUnblocked(mention, candidates, criteria, kb.blocked)
      // The photo of somebody who must not be named is not of his look-alike in the caption.
      const isOpen = mention.lacks === undefined && told[0]?.entity.id === candidates[0]?.entity.id
      const compared = isOpen && pairs !== undefined ? await compareNamed(kb, mention, named, pairs) : []
      return { mention, candidates: told, judgement, isOpen, compared }
    }))
  }
  const { decided, notApplied } = decideAll(faces, hints, criteria)
  const links = decideJointly(decided.map(({ judgement, candidates, evidence }, i): Link => ({
    mention: mentions[i]!,
    ...judgement,
    candidates: candidates.slice(0, plan.topK).map(withoutScores),
    ...(evidence !== undefined && { evidence })
  })), criteria.decision.threshold)
  return hints === null ? { links } : { links, hints: describeHints(hints, links, notApplied) }
}

/** The candidate as replies carry it. */
function withoutScores ({ rank, entity, score, similarity }: ScoredCandidate): Candidate {
  return { rank, entity, score, similarity }
}
