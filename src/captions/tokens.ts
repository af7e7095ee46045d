// A text to words with their places in it.
import { foldWord } from './fold.ts'

export interface Token {
  /** Lower case, without accents. */
  readonly word: string
  /** Range in the text, UTF-16 units; `end` is exclusive. */
  readonly start: number
  readonly end: number
  /** It begins with a capital letter, or is of a script without case. */
  readonly capital: boolean
  /** All its letters are capitals, and it has several. */
  readonly allCapitals: boolean
}

/** Scripts that are written without blanks between words, or attach particles to names: each letter is a token. */
const NO_BLANKS = ['Han', 'Hira', 'Kana', 'Bopo', 'Hang', 'Thai', 'Laoo', 'Khmr', 'Mymr'].map(script => `\\p{scx=${script}}`).join('')

/**
 * A letter of a script without blanks with its marks, or a word of letters, marks, digits and characters of zero width. The
 * words of `Intl.Segmenter` are not used: for such scripts they depend on a dictionary, which cuts a name in a sentence in
 * another way than the name alone.
 */
const WORD = new RegExp(`[[${NO_BLANKS}]&&\\p{L}]\\p{M}*|[[\\p{L}\\p{M}\\p{N}\\p{Cf}]--[[${NO_BLANKS}]&&\\p{L}]]+`, 'gv')
const LONE_LETTER = new RegExp(`^[[${NO_BLANKS}]&&\\p{L}]`, 'v')

export function tokenize (text: string): Token[] {
  const tokens: Token[] = []
  for (const match of text.matchAll(WORD)) {
    const written = match[0]
    const word = foldWord(written)
    if (word === '') continue
    tokens.push({
      word,
      start: match.index,
      end: match.index + written.length,
      capital: !/^[\p{Cf}\p{N}]*\p{Ll}/u.test(written),
      allCapitals: written.length > 1 && !/\p{Ll}/u.test(written) && /\p{Lu}/u.test(written)
    })
  }
  return tokens
}

/** Whether a token is one letter of a script without blanks. */
export function isLoneLetter (word: string): boolean {
  return LONE_LETTER.test(word)
}
