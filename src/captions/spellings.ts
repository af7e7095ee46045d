// The spellings under which a word of a text may be in the gazetteer.
import { foldWord } from './fold.ts'
import { spellUmlauts } from './name-forms.ts'
import type { Token } from './tokens.ts'

/** Folded endings of inflected names, without the possessive 's: Germanic s, Finnish n, and Slavic cases. */
const ENDINGS =
  new RegExp(`(?:${[
    'ovou|ovi|ovy|ova|owi|iem|em|om|ou|ym|im|ego|eho|emu|iej',
    'ого|ому|ем|ом|ым|им|ои|ою|еи|ию|ия|ии|а|у|ю|я|е|ы|и',
    's|n|a|u|e|y'
  ].join('|')})$`, 'u')
/** Shortest word that is left without its ending, letters. */
const MIN_STEM = 3

/** As it is, with umlauts in two letters, and without its ending. */
export function * spellingsOf (text: string, { word, start, end }: Token): Generator<string> {
  yield word
  const spelled = spellUmlauts(text.slice(start, end))
  if (spelled !== null) yield foldWord(spelled)
  const stem = word.replace(ENDINGS, '')
  if (stem === word || stem.length < MIN_STEM) return
  yield stem
  // Many Slavic names end in a vowel that the case replaces, or lose one before k: "Topolánkovi" of Topolánek.
  // "Сергея" of Сергей, folded сергеи; "Явлинского" of Явлинский.
  for (const vowel of /\p{sc=Cyrl}/u.test(word) ? ['а', 'я', 'и', 'ии'] : ['a', 'o']) yield stem + vowel
  // "Sobotského" of Sobotský.
  if (stem.endsWith('sk')) yield `${stem}y`
  if (/[^aeiouy]k$/.test(stem)) yield `${stem.slice(0, -1)}ek`
}
