// Learns from captions how often the people they name are in their pictures, by how they are named.
import type { NameKind } from '../../captions/name-forms.ts'
import { groupBy } from '../../group-by.ts'
import type { KnowledgeBase } from '../../kb/types.ts'
import { SHOWN, type Shown } from '../../link/hints/priors.ts'
import { resolveHints } from '../../link/hints/resolve.ts'
import { photoOf, type EncodedQuery } from '../data/encode-queries.ts'

/** Named people that a default counts for: with few captions the defaults hold. */
const DEFAULT_WEIGHT = 20

/** How many people were named in a way, and how many of them a query of the photo asks for. */
export type ShownCounts = Map<NameKind, { named: number, shown: number }>

/**
 * Counts over all photos with a caption. A query file that does not ask for everybody in a photo makes people who are shown count
 * as not shown. Names with a cue against ("not pictured") are left out.
 */
export async function countShown (kb: KnowledgeBase, answers: readonly EncodedQuery[]): Promise<ShownCounts> {
  const counts: ShownCounts = new Map()
  for (const photo of groupBy(answers.filter(({ query }) => query.caption !== undefined), photoOf)) {
    const asked = new Set(photo.map(({ query }) => query.entityId))
    const hints = await resolveHints({ caption: photo[0]!.query.caption }, kb)
    for (const { kind, bearers, isAgainst } of hints?.people ?? []) {
      if (isAgainst) continue
      const count = counts.get(kind) ?? { named: 0, shown: 0 }
      count.named++
      if (bearers.some(({ id }) => asked.has(id))) count.shown++
      counts.set(kind, count)
    }
  }
  return counts
}

/** @returns the share of each kind that occurs, drawn towards its default; undefined without captions. */
export function fitShown (counts: ShownCounts): Shown | undefined {
  if (counts.size === 0) return undefined
  return Object.fromEntries(Array.from(counts, ([kind, { named, shown }]) => {
    return [kind, (shown + DEFAULT_WEIGHT * SHOWN[kind]) / (named + DEFAULT_WEIGHT)]
  }))
}
