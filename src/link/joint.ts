// Decides on all mentions of one picture together: a person appears once, unless the faces are the same face.
import type { Link } from '../types.ts'
import { groupBy } from '../group-by.ts'
import { dot } from '../math/vector.ts'
import { nil } from './decide.ts'

/**
 * Keeps one face for each entity. Mentions linked to one entity form groups of the same face (mirrors, screens, collages):
 * the group with the best mention stays linked, the others become `nil` (`duplicate`).
 * The order of the mentions matters for equals alone.
 *
 * @param sameFaceFrom smallest cosine of two mentions of one person: the threshold of the index.
 */
export function decideJointly (links: readonly Link[], sameFaceFrom: number): Link[] {
  const losers = new Set<Link>()
  for (const rivals of groupBy(links.filter(link => link.entity !== null), link => link.entity!.id)) {
    if (rivals.length === 1) continue
    const best = rivals.reduce((a, b) => strength(b) > strength(a) ? b : a)
    const kept = sameFace(best, rivals, sameFaceFrom)
    for (const link of rivals) if (!kept.has(link)) losers.add(link)
  }
  return links.map(link => losers.has(link) ? { ...link, ...nil('duplicate') } : link)
}

const strength = ({ probability, candidates }: Link): number => (probability ?? 0) * 1000 + (candidates[0]?.score ?? 0)

/** The links with the face of `first`: the connected component of `first` under a cosine of at least `from`. */
function sameFace (first: Link, links: readonly Link[], from: number): Set<Link> {
  const found = new Set([first])
  for (const one of found) {
    for (const other of links) if (dot(one.mention.face, other.mention.face) >= from) found.add(other)
  }
  return found
}
