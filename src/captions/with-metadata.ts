// What the metadata of a photo adds to what a request says of it.
import type { LinkOptions } from '../types.ts'
import type { PhotoMetadata } from './photo-metadata.ts'

type Said = Pick<LinkOptions, 'caption' | 'entities' | 'entitiesMode' | 'takenAt'>

/**
 * What the request says itself wins, member by member. Persons shown are a shortlist, not words of the caption: words put into the
 * text would move the ranges that the reply states, and its lists from left to right. Those whose name the caption has are left
 * out: one editor wrote both, and both as evidence would count the same twice.
 */
export function withMetadata<T extends Said> (said: T, { caption, persons, takenAt }: PhotoMetadata): T {
  const text = (said.caption ?? caption ?? '').toLowerCase()
  const others = persons.filter(name => !text.includes(name.toLowerCase()))
  return {
    ...said,
    ...(said.caption === undefined && caption !== undefined && { caption }),
    ...(said.entities === undefined && others.length > 0 && { entities: others, entitiesMode: 'prefer' }),
    ...(said.takenAt === undefined && takenAt !== undefined && { takenAt })
  }
}
