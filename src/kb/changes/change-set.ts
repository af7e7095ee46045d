// Changes folded by entity: those that still count, whatever order they arrived in.
import { sha256 } from '../../files.ts'
import { isLater, type Change } from './change.ts'

type AddImage = Extract<Change, { kind: 'add-image' }>
type DeleteImage = Extract<Change, { kind: 'delete-image' }>
type Block = Extract<Change, { kind: 'block' | 'unblock' }>

/** The changes of one entity that still count. */
export interface EntityChanges {
  /** The last change of its texts, or its deletion. */
  readonly text?: Extract<Change, { kind: 'put' | 'delete' }> | undefined
  /** The last deletion, also where the entity was put again since: earlier images stay deleted. */
  readonly deleted?: Extract<Change, { kind: 'delete' }> | undefined
  /** By image id. */
  readonly images: ReadonlyMap<string, AddImage | DeleteImage>
  /** The last change of the blocklist; no deletion takes it away. */
  readonly block?: Block | undefined
}

export interface ChangeSet {
  /** Entities with changes. */
  readonly ids: () => Iterable<string>
  readonly of: (id: string) => EntityChanges | undefined
  /** Ids of an entity's changes that still count. */
  readonly idsOf: (entity: string) => string[]
  /** @returns whether it changed anything; a change that is known or superseded does not. */
  readonly apply: (change: Change) => boolean
  /** Whether `apply` would change anything. */
  readonly isNews: (change: Change) => boolean
  /** Ids of the entities on the blocklist now; the set stays as it is when changes come. */
  readonly blocked: () => ReadonlySet<string>
  /** Drops the changes that `isObsolete` says are without effect: they are neither kept in the log nor sent to replicas. */
  readonly forget: (isObsolete: (change: Change) => boolean) => void
  /** Latest `at` of all changes. */
  readonly latest: () => number
  /** Changes that still count, by entity; the rest can be dropped. */
  readonly effective: () => Iterable<Change>
  /** 12 hex digits over the changes that count, independent of their order; empty where there are none. */
  readonly digest: () => string
}

const NONE: EntityChanges = { images: new Map() }

export function createChangeSet (): ChangeSet {
  const entities = new Map<string, EntityChanges>()
  const blocked = new Set<string>()
  /** A copy of `blocked`, which stays as it is; undefined once that changes. */
  let blockedNow: ReadonlySet<string> | undefined
  let latest = 0
  let digest = 0n
  const keep = (id: string, before: EntityChanges, after: EntityChanges): void => {
    if (effectiveOf(after).size === 0) entities.delete(id)
    else entities.set(id, after)
    digest ^= digestOf(before) ^ digestOf(after)
  }
  const of = (change: Change): EntityChanges => entities.get(change.entity) ?? NONE
  return {
    ids: () => entities.keys(),
    of: id => entities.get(id),
    idsOf: id => [...effectiveOf(entities.get(id) ?? NONE)].map(change => change.id),
    apply (change) {
      const before = of(change)
      const after = fold(before, change)
      latest = Math.max(latest, change.at)
      if (after === before) return false
      keep(change.entity, before, after)
      if (after.block !== before.block) {
        if (change.kind === 'block') blocked.add(change.entity)
        else blocked.delete(change.entity)
        blockedNow = undefined
      }
      return true
    },
    blocked () {
      blockedNow ??= new Set(blocked)
      return blockedNow
    },
    forget (isObsolete) {
      for (const [id, before] of [...entities]) {
        if ([...effectiveOf(before)].some(isObsolete)) keep(id, before, without(before, isObsolete))
      }
    },
    isNews: change => fold(of(change), change) !== of(change),
    latest: () => latest,
    * effective () { for (const entity of entities.values()) yield * effectiveOf(entity) },
    digest: () => digest === 0n ? '' : digest.toString(16).padStart(12, '0')
  }
}

function fold (before: EntityChanges, change: Change): EntityChanges {
  switch (change.kind) {
    case 'put': return isLater(change, before.text) ? { ...before, text: change } : before
    case 'delete': {
      if (!isLater(change, before.deleted)) return before
      const images = new Map([...before.images].filter(([, image]) => isLater(image, change)))
      return { ...before, text: isLater(change, before.text) ? change : before.text, deleted: change, images }
    }
    case 'add-image':
    case 'delete-image': {
      if (before.deleted !== undefined && !isLater(change, before.deleted)) return before
      if (!isLater(change, before.images.get(change.image))) return before
      return { ...before, images: new Map(before.images).set(change.image, change) }
    }
    case 'block':
    case 'unblock': return isLater(change, before.block) ? { ...before, block: change } : before
  }
}

function without ({ text, deleted, images, block }: EntityChanges, isObsolete: (change: Change) => boolean): EntityChanges {
  const kept = <C extends Change>(change: C | undefined): C | undefined => change !== undefined && isObsolete(change) ? undefined : change
  return {
    text: kept(text),
    deleted: kept(deleted),
    images: new Map([...images].filter(([, image]) => !isObsolete(image))),
    block: kept(block)
  }
}

function effectiveOf ({ text, deleted, images, block }: EntityChanges): Set<Change> {
  return new Set([text, deleted, ...images.values(), block].filter(change => change !== undefined))
}

function digestOf (entity: EntityChanges): bigint {
  let digest = 0n
  for (const { id } of effectiveOf(entity)) digest ^= BigInt(`0x${sha256(id).slice(0, 12)}`)
  return digest
}
