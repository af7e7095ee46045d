// The names of an index's entities, found by the words of a text.
import { setImmediate } from 'node:timers/promises'
import type { Entity } from '../types.ts'
import { NAME_KINDS, nameForms, type NameKind } from './name-forms.ts'

/** An entity that bears a name. */
export interface Bearer { readonly entity: Entity, readonly kind: NameKind }

export interface Gazetteer {
  /** The entities that bear exactly this name, each once, by its strongest kind. */
  readonly bearers: (key: string) => Bearer[]
  /** Whether a name begins with these words or consists of them. */
  readonly begins: (key: string) => boolean
  /** Whether a name of several words begins with this word. */
  readonly isGivenName: (word: string) => boolean
  readonly isSurname: (word: string) => boolean
}

/** Entities between two turns of the event loop: a few milliseconds. */
const ENTITIES_PER_TURN = 500

/** One number for each name of an entity: row * 8 + kind. A key that only begins names has none. */
type Posting = number | number[] | undefined

const KIND_BITS = 3

/** Indexes the names of `entities`; 120,000 people take some seconds, shared with other work of the event loop. */
export async function createGazetteer (entities: readonly Entity[]): Promise<Gazetteer> {
  const postings = new Map<string, Posting>()
  const givenNames = new Set<string>()
  for (const [row, entity] of entities.entries()) {
    if (row % ENTITIES_PER_TURN === ENTITIES_PER_TURN - 1) await setImmediate()
    for (const { key, kind } of nameForms(entity)) add(postings, givenNames, key, kind, row)
  }
  const kindsOf = (key: string): readonly number[] => {
    const posting = postings.get(key) ?? []
    return typeof posting === 'number' ? [posting] : posting
  }
  return {
    begins: key => postings.has(key),
    isGivenName: word => givenNames.has(word),
    isSurname: word => kindsOf(word).some(posting => NAME_KINDS[posting % 2 ** KIND_BITS] === 'surname'),
    bearers: key => {
      const best = new Map<number, number>()
      for (const posting of kindsOf(key)) {
        const row = Math.floor(posting / 2 ** KIND_BITS)
        best.set(row, Math.min(best.get(row) ?? Infinity, posting % 2 ** KIND_BITS))
      }
      return Array.from(best, ([row, kind]) => ({ entity: entities[row]!, kind: NAME_KINDS[kind]! }))
    }
  }
}

function add (postings: Map<string, Posting>, givenNames: Set<string>, key: string, kind: NameKind, row: number): void {
  const posting = row * 2 ** KIND_BITS + NAME_KINDS.indexOf(kind)
  const known = postings.get(key)
  if (known === undefined) postings.set(key, posting)
  else if (typeof known === 'number') postings.set(key, [known, posting])
  else known.push(posting)
  for (let at = key.lastIndexOf(' '); at > 0; at = key.lastIndexOf(' ', at - 1)) {
    const beginning = key.slice(0, at)
    if (!postings.has(beginning)) postings.set(beginning, undefined)
  }
  if (kind !== 'name' && kind !== 'alias') return
  const blank = key.indexOf(' ')
  if (blank > 0) givenNames.add(key.slice(0, blank))
}
