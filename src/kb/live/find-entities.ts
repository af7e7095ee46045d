// Entities by the beginning of a word of their name or of an alias, in the order of their ids.
import { setImmediate } from 'node:timers/promises'
import type { EntityPage, EntityQuery } from '../types.ts'
import type { Entity } from '../../types.ts'
import { foldText } from '../../captions/fold.ts'
import type { KnowledgeBaseView } from './overlay.ts'

export type FindEntities = (kb: KnowledgeBaseView, query: EntityQuery) => Promise<EntityPage>

/** Entities between two turns of the event loop: a few milliseconds. */
const ENTITIES_PER_TURN = 2000

/** The order of an index's ids and its folded texts are cached for as long as the index is open. */
export function createFinder (): FindEntities {
  const sorted = new WeakMap<object, readonly string[]>()
  const texts = new WeakMap<Entity, string>()
  const idsOf = ({ base }: KnowledgeBaseView): readonly string[] => {
    const known = sorted.get(base) ?? byNumber(base.entities.map(({ id }) => id))
    sorted.set(base, known)
    return known
  }
  const textOf = (entity: Entity): string => {
    const known = texts.get(entity) ?? [entity.name, ...entity.aliases].map(name => ` ${foldText(name)}`).join('\n')
    texts.set(entity, known)
    return known
  }
  return async (kb, { query, limit, after }) => {
    const wanted = foldText(query)
    const entities: Entity[] = []
    if (wanted === '' && query.trim() !== '') return { entities, next: null }
    const added = byNumber([...kb.overlay].flatMap(([id, { entity }]) => entity === null || kb.base.entity(id) !== undefined ? [] : [id]))
    let seen = 0
    for (const id of merge(idsOf(kb), added, after)) {
      if (++seen % ENTITIES_PER_TURN === 0) await setImmediate()
      const entity = kb.entity(id)
      if (entity === undefined || kb.blocked.has(id) || (wanted !== '' && !textOf(entity).includes(` ${wanted}`))) continue
      if (entities.length === limit) return { entities, next: entities.at(-1)!.id }
      entities.push(entity)
    }
    return { entities, next: null }
  }
}

const numberOf = (id: string): number => Number(id.slice(1))
const compareNumbers = (a: string, b: string): number => numberOf(a) - numberOf(b)

/** Parses each number once, not in each comparison. */
export function byNumber (ids: Iterable<string>): string[] {
  return [...ids].map(id => ({ id, number: numberOf(id) })).sort((a, b) => a.number - b.number).map(({ id }) => id)
}

/** Merges two ascending lists, from the first id after `after` on. */
function * merge (a: readonly string[], b: readonly string[], after: string | undefined): Generator<string> {
  let i = firstAfter(a, after)
  let j = firstAfter(b, after)
  while (i < a.length || j < b.length) yield j >= b.length || (i < a.length && compareNumbers(a[i]!, b[j]!) < 0) ? a[i++]! : b[j++]!
}

/** @returns the index of the first id after `after`, by bisection. */
function firstAfter (ids: readonly string[], after: string | undefined): number {
  if (after === undefined) return 0
  let low = 0
  for (let high = ids.length; low < high;) {
    const middle = (low + high) >> 1
    if (compareNumbers(ids[middle]!, after) <= 0) low = middle + 1
    else high = middle
  }
  return low
}
