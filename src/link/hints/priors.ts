// How likely each mention of a picture is each person whom the request names, before its face is looked at.
import type { Position } from '../../captions/cues.ts'
import type { NameKind } from '../../captions/name-forms.ts'
import type { EncodedMention } from '../../types.ts'
import type { NamedPerson, ResolvedHints } from './resolve.ts'

/**
 * Share of the people named in a caption who are in the picture and are the index's bearer of that name, by how they are named.
 * Set by hand, below what is measured on captions of photos: in "Faces in the News" 80 to 90 % of the names that belong to a
 * picture's faces are found, and a surname alone is as often another person's. `RESULTS.md`, With captions, says what they do.
 * `vel calibrate` with captions in its query files learns the shares of the desk that wrote them (`Calibration.shown`).
 *
 * @see Berg et al. 2004, "Names and Faces in the News"; Guillaumin et al. 2008, "Automatic face naming with caption-based supervision"
 */
export const SHOWN: Readonly<Record<NameKind, number>> = {
  name: 0.8,
  alias: 0.8,
  variant: 0.7,
  reversed: 0.7,
  initials: 0.5,
  single: 0.5,
  surname: 0.3
}
/** Shares that were learnt; the default holds for the others. */
export type Shown = { readonly [K in NameKind]?: number }

/** The same for a person who is named but not shown: "not pictured", "a portrait of". */
const SHOWN_AGAINST = 0.05
/** Share of the faces that are people of the shortlist. */
const LISTED = { prefer: 0.7, only: 0.8 } as const
/** A face may be somebody whom the caption does not name, however many it names. */
const MOST = 0.8
/** How much less likely a face is that stands one rank beside the place of the cue. */
const BESIDE = 0.1
/** The same for a list of as many names as there are not faces: its places are between the ranks. */
const BESIDE_LISTED = 0.3

/** Prior probabilities of one mention, by id of the entity; each at most MOST, and all together too. */
export interface Prior {
  readonly caption: ReadonlyMap<string, number>
  readonly shortlist: ReadonlyMap<string, number>
}

/** @returns the priors of each mention, in order. `mentions`: all that may be somebody; a larger face is named more often. */
export function priorsOf (
  { people, shortlist, mode }: ResolvedHints, mentions: readonly EncodedMention[], learnt: Shown = {}
): Prior[] {
  const sizes = mentions.map(({ quality }) => quality.faceSizePx)
  const ranks = ranksFromLeft(mentions)
  const listed = new Map((shortlist?.entities ?? []).map(({ id }) => [id, LISTED[mode] / shortlist!.entities.length]))
  const captions = mentions.map(() => new Map<string, number>())
  for (const person of people) {
    const weights = placeWeights(person, ranks, sizes)
    const shown = (person.isAgainst ? SHOWN_AGAINST : learnt[person.kind] ?? SHOWN[person.kind]) / Math.max(1, person.count)
    for (const [i, caption] of captions.entries()) {
      for (const { id } of person.bearers) caption.set(id, (caption.get(id) ?? 0) + shown * weights[i]!)
    }
  }
  return captions.map(caption => ({ caption: atMost(caption, MOST), shortlist: listed }))
}

/** Rank of each mention from left to right, from 0. */
function ranksFromLeft (mentions: readonly EncodedMention[]): number[] {
  const order = [...mentions.keys()].sort((a, b) => centerOf(mentions[a]!) - centerOf(mentions[b]!))
  return mentions.map((_, i) => order.indexOf(i))
}

const centerOf = ({ box }: EncodedMention): number => (box.x1 + box.x2) / 2

/** How the person's probability is shared between the mentions; sums to 1. */
function placeWeights ({ position }: NamedPerson, ranks: readonly number[], sizes: readonly number[]): number[] {
  const last = ranks.length - 1
  const place = position === undefined ? null : placeOf(position, last)
  const weights = ranks.map((rank, i) => sizes[i]! * (place === null ? 1 : place.beside ** Math.abs(rank - place.rank)))
  const sum = weights.reduce((a, b) => a + b, 0)
  return weights.map(weight => weight / sum)
}

/** The rank that a cue names among `last + 1` faces. */
function placeOf (position: Position, last: number): { readonly rank: number, readonly beside: number } {
  const within = (rank: number): number => Math.min(last, Math.max(0, rank))
  switch (position.at) {
    case 'left': return { rank: 0, beside: BESIDE }
    case 'right': return { rank: last, beside: BESIDE }
    case 'center': return { rank: last / 2, beside: BESIDE }
    case 'fromLeft': return { rank: within(position.nth - 1), beside: BESIDE }
    case 'fromRight': return { rank: within(last - position.nth + 1), beside: BESIDE }
    case 'listed': {
      const rank = position.of === 1 ? 0 : (position.nth - 1) * last / (position.of - 1)
      return { rank, beside: position.of === last + 1 ? BESIDE : BESIDE_LISTED }
    }
  }
}

function atMost (prior: ReadonlyMap<string, number>, most: number): ReadonlyMap<string, number> {
  const sum = [...prior.values()].reduce((a, b) => a + b, 0)
  return sum <= most ? prior : new Map(Array.from(prior, ([id, p]) => [id, p * most / sum]))
}
