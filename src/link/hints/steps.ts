// The steps of linking that a request with a caption, a shortlist or a date adds.
import type { PairModel } from '../../kb/calibration.ts'
import type { KnowledgeBase } from '../../kb/types.ts'
import type { CaptionName, EncodedMention, Entity, Hints, Link } from '../../types.ts'
import { dateEvidence } from './date.ts'
import type { Criteria } from '../decide.ts'
import type { ResolvedHints } from './resolve.ts'
import { compareFaces, type Compared } from './pairs.ts'
import type { ScoredCandidate } from '../retrieve.ts'
import { weighHints, type FaceEvidence, type Weighed } from './weigh.ts'

/** Candidates whose life does not include the year go behind the others: the decision is on the first that may be right. */
export function impossibleLast (candidates: readonly ScoredCandidate[], takenIn: number | null): readonly ScoredCandidate[] {
  if (takenIn === null) return candidates
  const isImpossible = ({ entity }: ScoredCandidate): boolean => dateEvidence(entity, takenIn) < 0
  const possible = candidates.filter(candidate => !isImpossible(candidate))
  return [...possible, ...candidates.filter(isImpossible)].map((candidate, i) => ({ ...candidate, rank: i + 1 }))
}

/** Named people whose faces are weighed for one mention: those behind are out of the question. */
const MAX_COMPARED = 50

/** The people of caption and shortlist, each once. */
export function peopleNamed ({ people, shortlist }: ResolvedHints): readonly Entity[] {
  const named = [...people.flatMap(({ bearers }) => bearers), ...(shortlist?.entities ?? [])]
  return [...new Map(named.map(entity => [entity.id, entity])).values()]
}

/** `named` compared with one mention, the most similar first. */
export async function compareNamed (
  kb: KnowledgeBase, mention: EncodedMention, named: readonly Entity[], pairs: PairModel
): Promise<Compared[]> {
  const compared = await compareFaces(kb, mention, named, pairs)
  return compared.sort((a, b) => b.ratio - a.ratio).slice(0, MAX_COMPARED)
}

export interface DecidedAll {
  readonly decided: readonly Weighed[]
  /** Why the hints did not decide, as a sentence; null where they did. */
  readonly notApplied: string | null
}

/** @returns the decisions by the faces alone where there are no hints, or none that could be weighed. */
export function decideAll (faces: readonly FaceEvidence[], hints: ResolvedHints | null, { calibration, entities }: Criteria): DecidedAll {
  if (hints === null) return { decided: faces, notApplied: null }
  if (calibration?.pairs === undefined) return { decided: faces, notApplied: WITHOUT_PAIRS }
  return { decided: weighHints(hints, faces, { ...calibration, pairs: calibration.pairs, entities }), notApplied: null }
}

const WITHOUT_PAIRS = 'the index has no calibration that weighs names against faces in this mode: run `vel calibrate`, and use mode v2v'

/** What became of the hints, for the reply. @param notApplied why they did not decide; null where they did. */
export function describeHints ({ names, shortlist }: ResolvedHints, links: readonly Link[], notApplied: string | null): Hints {
  return {
    applied: notApplied === null,
    ...(notApplied !== null && { reason: notApplied }),
    ...(names !== null && { names: names.map((_, i) => captionName(names, i, links)) }),
    ...(shortlist !== null && { shortlist })
  }
}

/** Entities that one name of a reply lists; a surname may have hundreds of bearers. */
const MAX_LISTED = 20

function captionName (names: NonNullable<ResolvedHints['names']>, i: number, links: readonly Link[]): CaptionName {
  const { text, start, end, repeats } = names[i]!
  const bearers = names[repeats ?? i]!.bearers.map(({ entity }) => entity)
  const ids = new Set(bearers.map(({ id }) => id))
  const mention = links.findIndex(({ entity }) => entity !== null && ids.has(entity.id))
  const first = mention < 0 ? [] : [links[mention]!.entity!]
  const candidates = [...first, ...bearers.filter(({ id }) => id !== first[0]?.id)].slice(0, MAX_LISTED)
  return { text, start, end, candidates, mention: mention < 0 ? null : mention }
}
