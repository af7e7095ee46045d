// The ways in which a text may name an entity, as keys of the gazetteer.
import type { Entity } from '../types.ts'
import { isLoneLetter, tokenize } from './tokens.ts'
import { TITLES } from './words.ts'

/**
 * How a text names an entity, from the strongest evidence to the weakest. `name`: its name. `alias`: one of its aliases.
 * `variant`: the name without middle names, suffix or hyphens, or with its
 * first two given names as one. `reversed`: "Frist, Bill". `initials`: "B. Frist". `single`: a name of
 * one word. `surname`: the surname alone.
 */
export const NAME_KINDS = ['name', 'alias', 'variant', 'reversed', 'initials', 'single', 'surname'] as const

export type NameKind = typeof NAME_KINDS[number]

export interface NameForm {
  /** Folded words, joined by blanks. */
  readonly key: string
  readonly kind: NameKind
}

const SUFFIXES = new Set(['jr', 'sr', 'ii', 'iii', 'iv', 'junior', 'senior'])
/** Words that belong to the surname that follows. */
const PARTICLES = new Set([
  'van', 'von', 'der', 'den', 'de', 'del', 'della', 'di', 'da', 'dos', 'das', 'do', 'du', 'la', 'le', 'al', 'el', 'bin', 'ben', 'ibn', 'st',
  'ter', 'ten', 'zu', 'af', 'av', 'mac', 'mc', 'o', 'd', 'san', 'santa', 'y', 'e'
])

/** A shorter surname, letters, is not looked for with initials or alone. */
const MIN_SURNAME = 3

/** Two-letter spellings of German vowels and of the Scandinavian å. */
const UMLAUTS: Readonly<Record<string, string>> = { ä: 'ae', ö: 'oe', ü: 'ue', å: 'aa', ø: 'oe' }

/** @returns the text with its umlauts in two letters ("Mueller"), or null where it has none. */
export function spellUmlauts (text: string): string | null {
  const composed = text.normalize('NFC')
  const spelled = composed.replace(/[äöüåø]/gi, letter => UMLAUTS[letter.toLowerCase()]!)
  return spelled === composed ? null : spelled
}

/** The forms of all names of an entity; a form may occur more than once. */
export function * nameForms ({ name, aliases }: Pick<Entity, 'name' | 'aliases'>): Generator<NameForm> {
  yield * formsOf(name, 'name')
  for (const alias of aliases) yield * formsOf(alias, 'alias')
}

function * formsOf (written: string, kind: 'name' | 'alias'): Generator<NameForm> {
  const spelled = spellUmlauts(written)
  for (const text of spelled === null ? [written] : [written, spelled]) {
    const words = tokenize(text.replace(/\([^)]*\)/g, '')).map(({ word }) => word)
    if (words.every(word => TITLES.has(word) || word === 'prime')) continue
    if (words.length === 1) {
      yield { key: words[0]!, kind: 'single' }
      continue
    }
    yield { key: words.join(' '), kind }
    const joined = tokenize(text.replace(/(?<=\p{L})[-‐‑](?=\p{L})/gu, '')).map(({ word }) => word)
    if (joined.length > 1 && joined.length < words.length) yield { key: joined.join(' '), kind: 'variant' }
    if (!words.some(isLoneLetter)) yield * derivedForms(words, text, kind)
  }
}

function * derivedForms (written: readonly string[], text: string, kind: 'name' | 'alias'): Generator<NameForm> {
  const bare = written.length > 2 && SUFFIXES.has(written.at(-1)!) ? written.slice(0, -1) : written
  const isReversed = /^[^,]+,\s/.test(text) && bare.length === written.length
  const words = isReversed ? turnAround(text) : bare
  const split = surnameAt(words)
  const given = words.slice(0, split)
  const surname = words.slice(split).join(' ')
  if (given.length === 0) return
  if (words !== written) yield { key: words.join(' '), kind: 'variant' }
  if (given.length > 1) yield { key: `${given[0]} ${surname}`, kind: 'variant' }
  // "Pierluigi" for "Pier Luigi", "JK" for "J. K."
  if (given.length > 1) yield { key: [given.slice(0, 2).join(''), ...given.slice(2), surname].join(' '), kind: 'variant' }
  yield { key: `${surname} ${given.join(' ')}`, kind: 'reversed' }
  if (given.length > 1) yield { key: `${surname} ${given[0]}`, kind: 'reversed' }
  if (surname.length < MIN_SURNAME) return
  if (given[0]!.length > 1) yield { key: `${given[0]![0]} ${surname}`, kind: 'initials' }
  if (given.length > 1) yield { key: `${given.map(word => word[0]).join(' ')} ${surname}`, kind: 'initials' }
  if (kind === 'name') yield * surnameForms(words.slice(split))
}

/** "Frist, Bill" as a name: the words after the comma come first. */
function turnAround (text: string): string[] {
  const comma = text.indexOf(',')
  return [...tokenize(text.slice(comma + 1)), ...tokenize(text.slice(0, comma))].map(({ word }) => word)
}

/** With its particles and, where there are any, without them. */
function * surnameForms (surname: readonly string[]): Generator<NameForm> {
  yield { key: surname.join(' '), kind: 'surname' }
  if (surname.length > 1) yield { key: surname.at(-1)!, kind: 'surname' }
}

/** @returns index of the first word of the surname: the last word, with the particles before it. */
function surnameAt (words: readonly string[]): number {
  let at = words.length - 1
  while (at > 1 && PARTICLES.has(words[at - 1]!)) at--
  return at
}
