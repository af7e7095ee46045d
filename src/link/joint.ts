// All mentions of one picture decided together: a person is seen once, unless the faces are the same face.
import type { Link } from '../types.ts'
import { dot } from '../math/vector.ts'
import { nil } from './decide.ts'

/**
 * Lets each entity keep one face of the picture. Mentions that are linked to one entity form groups of the same face
 * (mirrors, screens, collages); the group with the best mention keeps the entity, the others become `nil` (`duplicate`).
 * The result does not depend on the order of the mentions.
 *
 * @param sameFaceFrom cosine of two mentions from which they are one person: the similarity from which the index links a
 *   photo to a reference.
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

/** The links whose faces are the face of `first`, directly or through one another. */
function sameFace (first: Link, links: readonly Link[], from: number): Set<Link> {
  const found = new Set([first])
  for (const one of found) {
    for (const other of links) if (dot(one.mention.face, other.mention.face) >= from) found.add(other)
  }
  return found
}

function groupBy<T> (items: readonly T[], keyOf: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>()
  for (const item of items) groups.set(keyOf(item), [...groups.get(keyOf(item)) ?? [], item])
  return [...groups.values()]
}
