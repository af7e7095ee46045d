// Entities by the beginning of a word of their name or of an alias, in the order of their ids.
import type { EntityPage, EntityQuery } from '../types.ts'
import type { Entity } from '../../types.ts'
import type { KnowledgeBaseView } from './overlay.ts'

/** Letters that Unicode does not take apart into a plain one and its mark. */
const PLAIN: Readonly<Record<string, string>> = { ø: 'o', ł: 'l', đ: 'd', ð: 'd', þ: 'th', ß: 'ss', æ: 'ae', œ: 'oe', ı: 'i' }

/** Without case, accents and double spaces. */
export function foldText (text: string): string {
  // Most names need no more, and there are many.
  if (/^[\x20-\x7e]*$/.test(text)) return text.toLowerCase().replace(/[^a-z0-9]+/g, ' ').trim()
  return text.normalize('NFKD').replace(/\p{M}+/gu, '').toLowerCase().replace(/[øłđðþßæœı]/g, letter => PLAIN[letter]!).replace(/[^\p{L}\p{N}]+/gu, ' ').trim()
}

export type FindEntities = (kb: KnowledgeBaseView, query: EntityQuery) => Promise<EntityPage>

/** Entities that are looked at before others get their turn: a few milliseconds. */
const AT_A_TIME = 2000

/** What is made of an index is kept with it: the order of its ids, and its texts from the first query on. */
export function createFinder (): FindEntities {
  const sorted = new WeakMap<object, readonly string[]>()
  const texts = new WeakMap<Entity, string>()
  const idsOf = ({ base }: KnowledgeBaseView): readonly string[] => {
    const known = sorted.get(base) ?? inOrder(base.entities.map(({ id }) => id))
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
    const added = inOrder([...kb.overlay].filter(([id, { entity }]) => entity !== null && kb.base.entity(id) === undefined).map(([id]) => id))
    let seen = 0
    for (const id of merge(idsOf(kb), added, after)) {
      if (++seen % AT_A_TIME === 0) await new Promise(resolve => { setImmediate(resolve) })
      const entity = kb.entity(id)
      if (entity === undefined || (wanted !== '' && !textOf(entity).includes(` ${wanted}`))) continue
      if (entities.length === limit) return { entities, next: entities.at(-1)!.id }
      entities.push(entity)
    }
    return { entities, next: null }
  }
}

const numberOf = (id: string): number => Number(id.slice(1))
const byNumber = (a: string, b: string): number => numberOf(a) - numberOf(b)

/** Each number is read once, not in each comparison. */
function inOrder (ids: readonly string[]): string[] {
  return ids.map(id => ({ id, number: numberOf(id) })).sort((a, b) => a.number - b.number).map(({ id }) => id)
}

/** Two ascending lists as one, from behind `after`. */
function * merge (a: readonly string[], b: readonly string[], after: string | undefined): Generator<string> {
  let i = firstBehind(a, after)
  let j = firstBehind(b, after)
  while (i < a.length || j < b.length) yield j >= b.length || (i < a.length && byNumber(a[i]!, b[j]!) < 0) ? a[i++]! : b[j++]!
}

function firstBehind (ids: readonly string[], after: string | undefined): number {
  if (after === undefined) return 0
  let low = 0
  for (let high = ids.length; low < high;) {
    const middle = (low + high) >> 1
    if (byNumber(ids[middle]!, after) <= 0) low = middle + 1
    else high = middle
  }
  return low
}
