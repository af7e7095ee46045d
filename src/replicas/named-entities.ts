// The people whom a reply names.
import type { LinkedImage } from '../types.ts'

/** @returns ids of all entities of a result: linked, candidates of a face or of a name in the caption, the shortlist. */
export function namedEntities ({ links, hints }: Pick<LinkedImage, 'links' | 'hints'>): ReadonlySet<string> {
  const named = [
    ...links.flatMap(({ entity, candidates }) => [...(entity === null ? [] : [entity]), ...candidates.map(one => one.entity)]),
    ...(hints?.names ?? []).flatMap(({ candidates }) => candidates),
    ...(hints?.shortlist?.entities ?? [])
  ]
  return new Set(named.map(({ id }) => id))
}
