// What a caption says of the place of the people it names, and of who is named but not shown.
import type { FoundName } from './find-names.ts'

/**
 * A place in the picture by the order of the faces from left to right. `left`, `center`, `right`: of all; `fromLeft`,
 * `fromRight`: the nth, from 1; `listed`: the nth of a list from left to right of `of` names.
 */
export type Position =
  | { readonly at: 'left' | 'center' | 'right' }
  | { readonly at: 'fromLeft' | 'fromRight', readonly nth: number }
  | { readonly at: 'listed', readonly nth: number, readonly of: number }

export interface Cue {
  readonly position?: Position
  /** The words say that the person is named but not shown in flesh: "not pictured", "a portrait of". */
  readonly isAgainst: boolean
}

const any = (...words: string[]): string => words.join('|')

const LEFT = any(
  'left', 'l', 'links', 'li', 'à gauche', 'gauche', 'g', 'izquierda', 'izq', 'sinistra', 'sx', 'esquerda', 'vlevo', 'z lewej', 'слева'
)
const RIGHT = any(
  'right', 'r', 'rechts', 're', 'à droite', 'droite', 'd', 'derecha', 'der', 'destra', 'dx', 'direita', 'vpravo', 'z prawej', 'справа'
)
const CENTER = any(
  'center', 'centre', 'c', 'in the middle', 'middle', 'in der mitte', 'mitte', 'm', 'au centre', 'al centro', 'centro', 'uprostřed',
  'в центре'
)
/** Words for first, second and so on. */
const ORDINALS = [
  any('first', '1st', 'erster', 'erste', 'premier', 'première', 'primero', 'primera'),
  any('second', '2nd', 'zweiter', 'zweite', 'deuxième', 'segundo', 'segunda'),
  any('third', '3rd', 'dritter', 'dritte', 'troisième', 'tercero', 'tercera'),
  any('fourth', '4th', 'vierter', 'vierte', 'quatrième', 'cuarto', 'cuarta'),
  any('fifth', '5th', 'fünfter', 'fünfte', 'cinquième', 'quinto', 'quinta')
]

/** A party or an age between a name and its cue: ", R-Tenn.", ", 34". */
const ASIDE = '(?:,\\s*(?:\\p{Lu}-\\p{Lu}[\\p{L}.]*|\\d{1,3})(?=,))?'
/** Behind a name: "(L)", ", left,", "at far left". */
const PLACED = new RegExp(
  `^${ASIDE}(?:[\\s,]*\\(|,\\s*|\\s+(?=at\\b))(?:(?:at|seated|standing|far|front|ganz|am)\\s)*(${any(LEFT, RIGHT, CENTER)})` +
    '\\.?(?=[\\),.;]|\\s+(?:and|with|und)\\b|\\s*$)', 'iu'
)
/** Behind a name: "second from right". */
const FROM = any('from (?:the )?', 'von ', 'a partir de la ', 'depuis la ', 'à partir de la ', 'desde la ', 'por la ', 'da ')
const COUNTED = new RegExp(`^${ASIDE}[\\s,\\(]*(?:the )?(${any(...ORDINALS)})\\s+(?:${FROM})?(${any(LEFT, RIGHT)})(?!\\p{L})`, 'iu')
/** Behind a name: "2. v. r.", the second from the right in German. */
const COUNTED_SHORT = /^[\s,(]*(\d)\.?\s?v\.\s?([lr])\b/iu
const IN_ORDER = any(
  'from left(?: to right)?', 'left to right', '\\bl\\s?-\\s?r\\b', '\\bl to r\\b', 'v\\.\\s?l\\.(?:\\s?n\\.\\s?r\\.)?',
  'von links(?: nach rechts)?', 'de gauche à droite', 'de izquierda a derecha', 'da sinistra(?: a destra)?',
  'da esquerda para a direita', 'zleva', 'od lewej', 'слева направо'
)
/** Before the first name of a list, with a title between. */
const LIST_BEGINS = new RegExp(`(?:${IN_ORDER})[^.;]{0,30}(?:\\b\\p{L}{1,5}\\. )?$`, 'iu')
/** Behind the last name of a list. */
const LIST_ENDS = new RegExp(`^[\\s,\\(]*(?:${IN_ORDER})`, 'iu')
/** Between two names of a list: titles may end in a point. */
const BETWEEN = /^(?:[^.:()]|\([^)]*\)|(?<=\b\p{L}{1,5})\.){0,80}$/u
/** Several rows have no order from left to right that faces could be compared with. */
const ROWS = /\b(?:rows?|reihe|rangée?|rang|fila|řad[aě]|rząd|ряд)\b/iu

const IMAGES = any(
  'portraits?', 'posters?', 'paintings?', 'statues?', 'busts?', 'banners?', 'murals?', 'pictures?', 'photo(?:graph)?s?', 'masks?',
  'cutouts?'
)
const AGAINST_BEFORE = new RegExp(`(?:${any(
  `(?:${IMAGES}) (?:of|with|showing|depicting)`, 'effigy of', 'tribute to', 'grave of', 'the late', 'told', 'tells',
  '(?:replac|succeed)(?:e?s|ed|ing)?', 'bildnis(?:ses)?', 'porträts?(?: von)?', 'plakats?(?: von| mit)?', 'statue', 'portrait d[eu]',
  'affiche d[eu]', 'retrato de', 'cartel de', 'ritratto di', 'portrét', 'portret'
)})(?: the| former| president| then| late| sen\\.?| rep\\.?| mr\\.?| mrs\\.?)*\\s*$`, 'iu')
const FILE_PHOTO = /(?:file|archive|undated) (?:photo|picture|image) of\s*$/iu
const AGAINST_BEHIND = new RegExp(`^[\\s,\\(]*(?:${any(
  'not (?:pictured|shown|seen|in (?:the )?(?:photo|picture))', 'unseen', 'out of frame', 'nicht im bild', 'hors champ', 'no aparece',
  'non in foto'
)})`, 'iu')

/** Characters before and behind a name that are looked at. */
const AROUND = 60

/** The cue of each name, in their order. */
export function cuesOf (text: string, names: ReadonlyArray<Pick<FoundName, 'start' | 'end'>>): Cue[] {
  const behind = names.map(({ end }, i) => text.slice(end, names[i + 1]?.start ?? end + AROUND).slice(0, AROUND))
  const listed = listPositions(text, names, behind)
  const letters = behind.filter(words => LETTER.test(words)).length
  return names.map(({ start }, i) => {
    const before = text.slice(Math.max(0, start - AROUND), start)
    // A single "(R)" in a caption is a party.
    const isParty = letters === 1 && LETTER.test(behind[i]!)
    const position = counted(behind[i]!) ?? (isParty ? undefined : placed(behind[i]!)) ?? listed[i]
    const isAgainst = (AGAINST_BEFORE.test(before) && !FILE_PHOTO.test(before)) || AGAINST_BEHIND.test(behind[i]!)
    return { ...(position !== undefined && { position }), isAgainst }
  })
}

const LETTER = /^\s*\(\p{L}\.?\)/u

function counted (behind: string): Position | undefined {
  const short = COUNTED_SHORT.exec(behind)
  if (short !== null) return { at: short[2]!.toLowerCase() === 'l' ? 'fromLeft' : 'fromRight', nth: Number(short[1]) }
  const match = COUNTED.exec(behind)
  if (match === null) return undefined
  const nth = ORDINALS.findIndex(words => isOneOf(words, match[1]!)) + 1
  return { at: isOneOf(LEFT, match[2]!) ? 'fromLeft' : 'fromRight', nth }
}

function placed (behind: string): Position | undefined {
  const side = PLACED.exec(behind)?.[1]
  if (side === undefined) return undefined
  return { at: isOneOf(LEFT, side) ? 'left' : isOneOf(RIGHT, side) ? 'right' : 'center' }
}

const isOneOf = (words: string, word: string): boolean => words.split('|').includes(word.toLowerCase())

/** The names of each list "from left: A, B and C" or "A, B and C, from left". */
function listPositions (
  text: string, names: ReadonlyArray<Pick<FoundName, 'start' | 'end'>>, behind: readonly string[]
): Array<Position | undefined> {
  const positions = names.map<Position | undefined>(() => undefined)
  if (ROWS.test(text)) return positions
  const isJoined = (i: number): boolean => names[i + 1] !== undefined && BETWEEN.test(text.slice(names[i]!.end, names[i + 1]!.start))
  const list = (first: number, last: number): void => {
    for (let i = first; i <= last; i++) positions[i] = { at: 'listed', nth: i - first + 1, of: last - first + 1 }
  }
  for (const [at, { start }] of names.entries()) {
    if (LIST_BEGINS.test(text.slice(Math.max(names[at - 1]?.end ?? 0, start - AROUND), start))) {
      let last = at
      while (isJoined(last)) last++
      list(at, last)
    } else if (LIST_ENDS.test(behind[at]!) && names[at + 1] === undefined) {
      let first = at
      while (first > 0 && isJoined(first - 1)) first--
      list(first, at)
    }
  }
  return positions
}
