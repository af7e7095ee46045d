// The keys of the gazetteer that the words of a text spell from one word on.
import { CLOSING, OPENING, type Place } from './boundaries.ts'
import { NAME_KINDS, type NameKind } from './name-forms.ts'
import { isLoneLetter, type Token } from './tokens.ts'

/** Words between the first and the last of one name. */
const MAX_SKIPPED = 2

/** Between the words of a name: a blank, a hyphen, a point, an apostrophe, or a quotation mark around a nickname. */
const WITHIN_NAME = /^(?:\s|[-‐‑.'’·・•"“”„«»()]){1,3}$/u
const COMMA = /^\s?,\s{1,2}$/u

export interface Match {
  /** Index after the last token. */
  readonly to: number
  readonly key: string
  /** That the words may spell; null: all but reversed ones. */
  readonly kinds: ReadonlySet<NameKind> | null
  /** Words were left out of the key. */
  readonly skipped: number
  /** The last word has an ending that the key has not. */
  readonly isInflected: boolean
}

const BOTH: ReadonlySet<NameKind> = new Set(NAME_KINDS)

const REVERSED: ReadonlySet<NameKind> = new Set(['reversed'])

/** All keys of the gazetteer that the words from `at` on spell. */
export function matchesAt (place: Place, at: number): Match[] {
  const { text, tokens, gazetteer } = place
  const matches: Match[] = []
  const extend = (match: Match): void => {
    matches.push(match)
    const { key, to: next, skipped, kinds } = match
    const token = tokens[next]
    if (token === undefined) return
    const gap = text.slice(tokens[next - 1]!.end, token.start)
    const isComma = COMMA.test(gap)
    const joined = gap === '' ? isLoneLetter(token.word) : isComma || WITHIN_NAME.test(gap)
    // "D-Minn." is a party and a state.
    if (!joined || (next === at + 1 && tokens[at]!.word.length === 1 && gap === '-') || (isComma && kinds === REVERSED)) return
    const isSuffix = token.word === 'jr' || token.word === 'sr'
    for (const form of place.forms(next)) {
      const longer = `${key} ${form}`
      if (!gazetteer.begins(longer)) continue
      extend({ to: next + 1, key: longer, skipped, kinds: isComma && !isSuffix ? REVERSED : kinds, isInflected: form !== token.word })
    }
    if (!isComma && mayBeSkipped(place, next)) skip(match, next)
  }
  const skip = (match: Match, over: number): void => {
    const skipped = match.skipped + 1
    const token = tokens[over + 1]
    if (token === undefined || skipped > MAX_SKIPPED || !WITHIN_NAME.test(text.slice(tokens[over]!.end, token.start))) return
    for (const form of place.forms(over + 1)) {
      const key = `${match.key} ${form}`
      if (gazetteer.begins(key)) extend({ ...match, to: over + 2, key, skipped, isInflected: form !== token.word })
    }
    if (mayBeSkipped(place, over + 1)) skip({ ...match, skipped }, over + 1)
  }
  const kinds = isCapitalSurname(tokens, at) ? BOTH : null
  // The point before belongs to an abbreviation: "U.S. Navy".
  if (/\p{L}\.$/u.test(text.slice(Math.max(0, tokens[at]!.start - 2), tokens[at]!.start)) && tokens[at]!.word.length === 1) return matches
  for (const form of place.forms(at)) {
    if (gazetteer.begins(form)) extend({ to: at + 1, key: form, skipped: 0, kinds, isInflected: form !== tokens[at]!.word })
  }
  return matches
}

/** A middle initial or a nickname in quotation marks, which the knowledge base need not have. */
function mayBeSkipped ({ text, tokens }: Place, at: number): boolean {
  const { word, capital, start, end } = tokens[at]!
  if (isLoneLetter(word)) return false
  const [before, after] = [text.charAt(start - 1), text.charAt(end)]
  return (word.length === 1 && capital) || (OPENING.test(before) && CLOSING.test(after)) || (before === '(' && after === ')')
}

/** "FRIST Bill": a surname in capitals comes first, as in lists of sports. */
function isCapitalSurname (tokens: readonly Token[], at: number): boolean {
  return tokens[at]!.allCapitals && tokens[at + 1]?.allCapitals === false && tokens[at + 1]!.capital
}
