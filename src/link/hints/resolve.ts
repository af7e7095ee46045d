// What a request says beyond the photo, resolved against the index: the people of its caption and of its shortlist, and the year.
import { cuesOf, type Position } from '../../captions/cues.ts'
import { findNames, type FoundName } from '../../captions/find-names.ts'
import type { Bearer } from '../../captions/gazetteer.ts'
import type { NameKind } from '../../captions/name-forms.ts'
import { groupBy } from '../../group-by.ts'
import type { KnowledgeBase } from '../../kb/types.ts'
import { ENTITY_ID, type EntitiesMode, type Entity, type LinkOptions, type Shortlist } from '../../types.ts'

/** A person whom the caption names: one of the entities that bear the name, or somebody of that name whom the index does not have. */
export interface NamedPerson {
  /** At most MAX_BEARERS. */
  readonly bearers: readonly Entity[]
  /** How many bear it. */
  readonly count: number
  readonly kind: NameKind
  readonly isAgainst: boolean
  readonly position?: Position | undefined
}

export interface ResolvedHints {
  /** As found, for the reply; null without a caption. */
  readonly names: readonly FoundName[] | null
  readonly people: readonly NamedPerson[]
  readonly shortlist: Shortlist | null
  readonly mode: EntitiesMode
  /** Year in which the photo was taken; null where unknown. */
  readonly takenIn: number | null
}

/** Entities of one name that are compared; a surname of more people says nothing. */
const MAX_BEARERS = 100
/** Entities of all names of a caption that are compared, those of the first names. */
const MAX_NAMED = 1000

/** @returns null for a request with nothing but a photo. */
export async function resolveHints (
  { caption, entities, entitiesMode = 'prefer', takenAt }: LinkOptions, kb: KnowledgeBase
): Promise<ResolvedHints | null> {
  if (caption === undefined && entities === undefined && takenAt === undefined) return null
  const names = caption === undefined ? null : findNames(caption, await kb.names())
  return {
    names,
    people: names === null ? [] : peopleOf(caption!, names),
    shortlist: entities === undefined ? null : await resolveShortlist(entities, kb),
    mode: entitiesMode,
    takenIn: takenAt === undefined ? null : Number.parseInt(takenAt)
  }
}

/** Names of the same bearers are one person, and so are the surnames that repeat a name. */
function peopleOf (caption: string, names: readonly FoundName[]): NamedPerson[] {
  const cues = cuesOf(caption, names)
  const idsOf = (i: number): string => names[i]!.bearers.map(({ entity }) => entity.id).sort().join()
  let left = MAX_NAMED
  return groupBy([...names.keys()], i => idsOf(names[i]!.repeats ?? i)).map(same => {
    const first = same.find(i => names[i]!.repeats === undefined) ?? same[0]!
    const { bearers, kind } = names[first]!
    const compared = bearers.slice(0, Math.min(MAX_BEARERS, left))
    left -= compared.length
    return {
      bearers: compared.map(({ entity }) => entity),
      count: bearers.length,
      kind,
      isAgainst: same.every(i => cues[i]!.isAgainst),
      position: same.map(i => cues[i]!.position).find(position => position !== undefined)
    }
  })
}

async function resolveShortlist (given: readonly string[], kb: KnowledgeBase): Promise<Shortlist> {
  const names = given.some(one => !ENTITY_ID.test(one)) ? await kb.names() : null
  const found = new Map<string, Entity>()
  const unknown: string[] = []
  for (const one of given) {
    const matches = ENTITY_ID.test(one) ? [kb.entity(one) ?? []].flat() : findNames(one, names!).flatMap(wholeName(one))
    const allowed = matches.filter(({ id }) => kb.blocked?.has(id) !== true)
    if (allowed.length === 0) unknown.push(one)
    for (const entity of allowed) found.set(entity.id, entity)
  }
  const entities = [...found.values()]
  const faces = await Promise.all(entities.map(async entity => await kb.vectors('face', entity)))
  return { entities, unknown, withoutFace: entities.filter((_, i) => faces[i]!.length === 0) }
}

/** The bearers of a name that spans all of `text`. */
const wholeName = (text: string) => ({ start, end, bearers }: FoundName): Entity[] => {
  const isWhole = !/[\p{L}\p{N}]/u.test(text.slice(0, start) + text.slice(end))
  return isWhole ? bearers.map(({ entity }: Bearer) => entity) : []
}
