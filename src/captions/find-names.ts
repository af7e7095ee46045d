// The people that a text names: the longest names of the gazetteer, where they stand as names of people.
import type { Bearer, Gazetteer } from './gazetteer.ts'
import { NAME_KINDS, type NameKind } from './name-forms.ts'
import { groupBy } from '../group-by.ts'
import { CLOSING, isContinued, isCredit, OPENING, standsAlone, surnameIsPerson, type Place } from './boundaries.ts'
import { matchesAt, type Match } from './matches.ts'
import { spellingsOf } from './spellings.ts'
import { tokenize } from './tokens.ts'

export interface FoundName {
  /** As written in the text. */
  readonly text: string
  /** Range in the text, UTF-16 units; `end` is exclusive. */
  readonly start: number
  readonly end: number
  readonly kind: NameKind
  /** Entities that bear the name. */
  readonly bearers: readonly Bearer[]
  /** Position in the list of the full name of the same person ("Frist" after "Bill Frist", or before it); else undefined. */
  readonly repeats?: number
}

/** Names found in one text; a caption has a few. */
const MAX_NAMES = 500

/** @returns the names in the order of the text; they do not overlap. */
export function findNames (text: string, gazetteer: Gazetteer): FoundName[] {
  const place = placeOf(text, gazetteer)
  const found = namesAndRepetitions(place)
  const all = [...found, ...namedLater(place, found)].filter(({ isCredit }) => !isCredit).sort((a, b) => a.from - b.from)
  return all.map(({ from, to, kind, bearers, repeats }, i) => {
    const start = startOf(place, from, all[i - 1]?.to ?? 0)
    const { end } = place.tokens[to - 1]!
    const name = { text: text.slice(start, end), start, end, kind, bearers }
    return repeats === null ? name : { ...name, repeats: all.indexOf(repeats) }
  })
}

function placeOf (text: string, gazetteer: Gazetteer): Place {
  const tokens = tokenize(text)
  const forms = tokens.map<readonly string[] | undefined>(() => undefined)
  return {
    text,
    tokens,
    isCaseless: !/\p{Lu}/u.test(text) || !/\p{Ll}/u.test(text),
    gazetteer,
    forms: at => {
      forms[at] ??= [...new Set(spellingsOf(text, tokens[at]!))]
      return forms[at]
    }
  }
}

interface Found {
  /** Tokens; `to` is exclusive. */
  readonly from: number
  readonly to: number
  readonly kind: NameKind
  readonly bearers: readonly Bearer[]
  /** Under which the person may be named again. */
  readonly surnames: readonly string[]
  readonly repeats: Found | null
  /** It is the photographer's. */
  readonly isCredit: boolean
}

/** The names and, behind them, the surnames that repeat them. */
function namesAndRepetitions (place: Place): Found[] {
  const all: Found[] = []
  const surnames = new Map<string, Found>()
  for (let at = 0; at < place.tokens.length && all.length < MAX_NAMES;) {
    // As `standsAlone` would find, at the end of a longer way.
    const mayBegin = place.isCaseless || place.tokens[at]!.capital
    const found = mayBegin ? nameAt(place, at, surnames) ?? repetitionAt(place, at, surnames) : null
    if (found !== null) {
      all.push(found)
      if (!found.isCredit) for (const surname of found.surnames) surnames.set(surname, found)
    }
    at = found?.to ?? at + 1
  }
  return all
}

/** Surnames before the full name, as in a headline: "Gysi speaks. Gregor Gysi …". */
function namedLater (place: Place, found: readonly Found[]): Found[] {
  const surnames = new Map<string, Found>()
  for (const name of found.toReversed()) {
    if (!name.isCredit && !isWeak(name.kind)) for (const surname of name.surnames) surnames.set(surname, name)
  }
  const ends = new Map(found.map(({ from, to }) => [from, to]))
  const all: Found[] = []
  for (let at = 0; at < place.tokens.length && found.length + all.length < MAX_NAMES && surnames.size > 0;) {
    const known = ends.get(at)
    // A place before a text is in capitals: "WASHINGTON (AP)".
    const isPlace = place.tokens[at]!.allCapitals && !place.isCaseless
    const earlier = known !== undefined || isPlace ? null : repetitionAt(place, at, surnames)
    if (earlier !== null && earlier.to <= Math.min(...found.map(({ from }) => from > at ? from : Infinity))) all.push(earlier)
    at = known ?? earlier?.to ?? at + 1
  }
  return all
}

const isWeak = (kind: NameKind): boolean => kind === 'surname' || kind === 'single'

/** Where the name begins: 'Robert "Bob" Dole' is one name where the knowledge base has Bob Dole alone. */
function startOf ({ text, tokens, gazetteer }: Place, from: number, after: number): number {
  const [before, first] = [tokens[from - 1], tokens[from]!]
  const isQuoted = OPENING.test(text.charAt(first.start - 1)) && CLOSING.test(text.charAt(first.end))
  if (!isQuoted || before === undefined || from <= after) return first.start
  const isGiven = before.capital && text.slice(before.end, first.start - 1) === ' ' && gazetteer.isGivenName(before.word)
  return isGiven ? before.start : first.start
}

/** The longest name from token `at` on that stands as the name of a person. */
function nameAt (place: Place, at: number, surnames: ReadonlyMap<string, Found>): Found | null {
  const { tokens, gazetteer } = place
  const byEnd = groupBy(matchesAt(place, at), ({ to }) => String(to)).sort((a, b) => b[0]!.to - a[0]!.to)
  for (const matches of byEnd) {
    const { to } = matches[0]!
    if (!standsAlone(place, at, to, matches.every(({ isInflected }) => isInflected))) continue
    // One word is a surname at most, which may have a thousand bearers.
    if (to - at === 1 && !surnameIsPerson(place, at, to, 'surname')) continue
    const bearers = strongestOfEach(matches.flatMap(match => bearersOf(gazetteer, match)))
    const kind = NAME_KINDS.find(one => bearers.some(bearer => bearer.kind === one))
    if (kind === undefined) continue
    if (kind === 'surname' && surnames.has(tokens[at]!.word)) continue
    if (isWeak(kind) && !surnameIsPerson(place, at, to, kind)) continue
    const words = matches[0]!.key.split(' ')
    const isFirst = isWeak(kind) || kind === 'reversed'
    return {
      from: at,
      to,
      kind,
      bearers: isWeak(kind) ? bearers.filter(bearer => bearer.kind === kind) : bearers,
      surnames: isFirst ? words.slice(0, 1) : words.slice(1).map((_, i) => words.slice(i + 1).join(' ')),
      repeats: null,
      isCredit: isCredit(place, at, to)
    }
  }
  return null
}

/** A key from which words were left out is weaker than the name that it spells. */
function bearersOf (gazetteer: Gazetteer, { key, kinds, skipped }: Match): Bearer[] {
  const bearers = gazetteer.bearers(key).filter(({ kind }) => kinds === null ? kind !== 'reversed' : kinds.has(kind))
  if (skipped === 0) return bearers
  return bearers.flatMap(({ entity, kind }) => kind === 'name' || kind === 'alias' ? [{ entity, kind: 'variant' as const }] : [])
}

function strongestOfEach (bearers: readonly Bearer[]): Bearer[] {
  if (new Set(bearers.map(({ entity }) => entity.id)).size === bearers.length) return [...bearers]
  const rank = ({ kind }: Bearer): number => NAME_KINDS.indexOf(kind)
  return groupBy(bearers, ({ entity }) => entity.id).map(same => same.reduce((a, b) => rank(b) < rank(a) ? b : a))
}

/** The surname of a person whom the text names in full. */
function repetitionAt (place: Place, at: number, surnames: ReadonlyMap<string, Found>): Found | null {
  const { tokens } = place
  for (let to = Math.min(tokens.length, at + MAX_SURNAME_WORDS); to > at; to--) {
    const before = tokens.slice(at, to - 1).map(({ word }) => word)
    const form = place.forms(to - 1).find(last => surnames.has([...before, last].join(' ')))
    if (form === undefined || tokens[to - 1]!.word.length < MIN_REPEATED) continue
    const isInflected = form !== tokens[to - 1]!.word
    if (!standsAlone(place, at, to, isInflected) || (!isInflected && isContinued(place, at, to))) continue
    const repeats = surnames.get([...before, form].join(' '))!
    return { from: at, to, kind: 'surname', bearers: [], surnames: [], repeats, isCredit: isCredit(place, at, to) }
  }
  return null
}

const MAX_SURNAME_WORDS = 4
const MIN_REPEATED = 2
