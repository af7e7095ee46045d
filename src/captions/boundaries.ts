// Whether words that spell a name stand as the name of a person: not inside another name, not as a place, not as a credit.
import type { Gazetteer } from './gazetteer.ts'
import type { NameKind } from './name-forms.ts'
import { isLoneLetter, type Token } from './tokens.ts'
import { BEFORE_PLACES, NO_SURNAME_AFTER, NOT_PART_OF_NAME, QUALIFIERS, SPEAKS, THINGS, THINGS_BEFORE, TITLES, VENUES } from './words.ts'

/** A text in which names are looked for. */
export interface Place {
  readonly text: string
  readonly tokens: readonly Token[]
  /** The text has no capitals, or nothing else: case says nothing. */
  readonly isCaseless: boolean
  readonly gazetteer: Gazetteer
  /** The spellings under which token `at` may be in the gazetteer, as written first. */
  readonly forms: (at: number) => readonly string[]
}

/**
 * Whether the tokens `from` to `to` (exclusive) are a whole name that is written as one.
 *
 * @param isInflected the last word has an ending: what follows a genitive is no part of the name.
 */
export function standsAlone (place: Place, from: number, to: number, isInflected: boolean): boolean {
  const { text, tokens, isCaseless } = place
  const first = tokens[from]!
  const last = tokens[to - 1]!
  if (isLoneLetter(first.word)) return to - from > 1
  if (!isCaseless && !(first.capital && tokens[hyphenated(place, from, to - 1)]!.capital)) return false
  // "Smith-Jones", "Merkel-Besuch", "frist@", "frist.com"
  if (/^[-‐‑_@]?[\p{L}\p{N}_]|^\.\p{L}|^@/u.test(text.slice(last.end, last.end + 2))) return false
  if (/[\p{L}\p{N}][-‐‑]$|[@#_\\]$/u.test(text.slice(Math.max(0, first.start - 2), first.start))) return false
  if (isTitle(text, first.start, last.end)) return false
  return !isThing(place, from, to, isInflected) && (isCaseless || !isInLongerName(place, from, to, isInflected))
}

export const OPENING = /^["“”„«]$/
export const CLOSING = /^["“”»]$/

/** A whole name between quotation marks is the title of a work or the name of a building. */
function isTitle (text: string, start: number, end: number): boolean {
  return OPENING.test(text.charAt(start - 1)) && CLOSING.test(text.charAt(end))
}

/** @returns the first of the name's words that hyphens join to token `at`: "un" of "Jong-un" needs no capital. */
function hyphenated ({ text, tokens }: Place, from: number, at: number): number {
  while (at > from && /^[-‐‑]$/.test(text.slice(tokens[at - 1]!.end, tokens[at]!.start))) at--
  return at
}

/** "USS Ronald Reagan", "John F. Kennedy International Airport", "Jack Straw's Castle". */
function isThing (place: Place, from: number, to: number, isInflected: boolean): boolean {
  const { text, tokens } = place
  if (touches(place, from - 1) && THINGS_BEFORE.has(tokens[from - 1]!.word)) return true
  if (isInflected) return false
  const venue = /^['’]s (\p{Lu}\p{L}+)/u.exec(text.slice(tokens[to - 1]!.end, tokens[to - 1]!.end + VENUE_WITHIN))?.[1]
  if (venue !== undefined && VENUES.has(venue.toLowerCase())) return true
  // Within capitals a capital does not say that a word belongs to the name.
  const isShouted = tokens[from]!.allCapitals && tokens[to - 1]!.allCapitals
  const goesOn = ({ word, capital }: Token): boolean => capital && !FUNCTION_WORDS.has(word) && !BEFORE_PLACES.has(word)
  for (let at = to; at < to + THING_WITHIN && touches(place, at - 1) && goesOn(tokens[at]!); at++) {
    if (THINGS.has(tokens[at]!.word)) return true
    if (isShouted && !QUALIFIERS.has(tokens[at]!.word)) break
  }
  return touches(place, to - 1) && THINGS.has(tokens[to]!.word)
}

/** Words after a name among which the thing that bears it is named. */
const THING_WITHIN = 3
/** Characters after a name in which a venue is named: "'s Steakhouse". */
const VENUE_WITHIN = 20

function isInLongerName (place: Place, from: number, to: number, isInflected: boolean): boolean {
  const { tokens, gazetteer } = place
  // Within capitals a capital says nothing.
  const isShouted = tokens[from]!.allCapitals && tokens[to - 1]!.allCapitals
  const isOther = ({ word, capital, allCapitals }: Token): boolean => {
    return capital && !(isShouted && allCapitals) && !TITLES.has(word) && !NOT_PART_OF_NAME.has(word)
  }
  const before = touches(place, from - 1) ? tokens[from - 1]! : null
  const isFirst = before !== null && isOther(before) && gazetteer.isGivenName(before.word)
  if (isFirst && !THINGS.has(before.word) && !FUNCTION_WORDS.has(before.word)) return true
  const after = !isInflected && touches(place, to - 1) ? tokens[to]! : null
  return after !== null && isOther(after) && gazetteer.isSurname(after.word)
}

/** Function words that begin a sentence with a capital and are somebody's name too. */
const FUNCTION_WORDS = new Set((
  'the a an as in on at by with and but when while after from to for der die das und mit von el la le les los il lo l de y et avec'
).split(' '))

/** Whether only a blank is between the tokens `left` and `left + 1`, or a point that ends an abbreviation and a blank. */
function touches ({ text, tokens }: Place, left: number): boolean {
  const [a, b] = [tokens[left], tokens[left + 1]]
  if (a === undefined || b === undefined) return false
  const gap = text.slice(a.end, b.start)
  return gap === ' ' || (gap === '. ' && (a.word.length === 1 || TITLES.has(a.word) || NOT_PART_OF_NAME.has(a.word)))
}

const AT_A_PLACE = /^ ?\((?:l|r|c|left|right|center|centre|links|rechts|mitte|g|d|izq|der)\.?\)|^, (?:left|right|center|centre)\b/i

/**
 * Whether a surname alone, or a name of one word, is a person here: it follows a title, or a verb of persons or a place in the
 * picture follows it. Such words are names of places and common words too.
 */
export function surnameIsPerson (place: Place, from: number, to: number, kind: NameKind): boolean {
  const { text, tokens, isCaseless } = place
  if (isCaseless && !isLoneLetter(tokens[from]!.word)) return false
  if (!isLoneLetter(tokens[from]!.word) && isContinued(place, from, to)) return false
  if (kind === 'single' && tokens[from]!.word.length < 3 && !isLoneLetter(tokens[from]!.word)) return false
  const before = touches(place, from - 1) ? tokens[from - 1]!.word : ''
  const isTitled = TITLES.has(before) && !NO_SURNAME_AFTER.has(before)
  const speaks = touches(place, to - 1) && SPEAKS.has(tokens[to]!.word)
  const after = text.slice(tokens[to - 1]!.end)
  const isPlaced = AT_A_PLACE.test(after)
  return isTitled || speaks || isPlaced
}

/** A weak name beside another capitalised word is a part of a longer one; after a preposition it is a place. */
export function isContinued (place: Place, from: number, to: number): boolean {
  const { tokens } = place
  const before = touches(place, from - 1) ? tokens[from - 1]! : null
  const after = touches(place, to - 1) ? tokens[to]! : null
  if (before !== null && BEFORE_PLACES.has(before.word)) return true
  return after !== null && after.capital && !TITLES.has(after.word) && !NOT_PART_OF_NAME.has(after.word)
}

const PHOTO_BY =
  /(?:photos?|fotos?|pictures?|images?|bild|credit|фото|写真)(?: ?(?:by|de|von|di|:|\/|courtesy of|credit|credits))+ ?$/iu
const PHOTOGRAPHER = /(?:photograph(?:er|ed by)?|photographe|fotograf|©)[:\s]*(?:[^\s./]+ ?\/ ?)?$/iu

/** Whether a name is that of the photographer: beside a slash, as in "AP/Jane Doe", or after "Photo by". */
export function isCredit ({ text, tokens }: Place, from: number, to: number): boolean {
  const { start } = tokens[from]!
  const { end } = tokens[to - 1]!
  const before = text.slice(Math.max(0, start - 60), start)
  if (PHOTO_BY.test(before) || PHOTOGRAPHER.test(before)) return true
  return /[\p{L}\p{N}] ?\/ ?$/u.test(before) || /^ ?\/ ?\p{L}/u.test(text.slice(end, end + 4))
}
