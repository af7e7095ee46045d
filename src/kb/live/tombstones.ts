// Changes that only take something away. They carry ids alone, and are forgotten once nothing is left that they could hide.
import type { Change } from '../changes/change.ts'
import type { IndexedKnowledgeBase } from '../search/open-index.ts'

/** For how long a deletion outweighs older additions that arrive late, such as from entity files or a replica that was away. */
export const TOMBSTONE_DAYS = 365

const DAY_MS = 86_400_000

/** Whether the change deletes personal data. */
export function deletes ({ kind }: Change): boolean {
  return kind === 'delete' || kind === 'delete-image'
}

/** Whether `base` still has what the change deletes. */
export function isIn (base: Pick<IndexedKnowledgeBase, 'entity' | 'images'>, one: Change): boolean {
  if (one.kind === 'delete') return base.entity(one.entity) !== undefined
  return one.kind === 'delete-image' && base.images('face', one.entity).includes(one.image)
}

/** Whether the change is a deletion, or an id taken off the blocklist, that is old and without effect on `base`. */
export function isObsolete (base: Pick<IndexedKnowledgeBase, 'entity' | 'images'>, one: Change, now = Date.now()): boolean {
  return (deletes(one) || one.kind === 'unblock') && one.at < now - TOMBSTONE_DAYS * DAY_MS && !isIn(base, one)
}
