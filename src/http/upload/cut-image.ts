// Separates the image of a JSON body from its options without parsing it: JSON.parse of a large body blocks the event loop.
import { errors } from '../../errors.ts'

/** Deepest nesting of options; `boxes` needs 3 levels. */
const MAX_DEPTH = 64

const [QUOTE, BACKSLASH, COLON] = [0x22, 0x5c, 0x3a]
/** `[` and `{`, `]` and `}`. */
const [OPENING, CLOSING] = [new Set([0x5b, 0x7b]), new Set([0x5d, 0x7d])]
const BLANKS = new Set([0x20, 0x09, 0x0a, 0x0d])

const NAME = Buffer.from('image')

export interface CutJson {
  /** What was between the quotes of the top-level text "image", escapes included; null without it. */
  readonly image: Buffer | null
  /** The body with an empty text as "image". It may still be no JSON. */
  readonly rest: Buffer
}

/**
 * Takes one pass over at most `maxRest` bytes; only the end of a text is searched further.
 *
 * @throws VEL_ERR_BAD_JSON for more than `maxRest` bytes outside the image, for nesting deeper than 64 levels, for a text without
 *   an end, and for a second "image".
 */
export function cutImage (body: Buffer, maxRest: number): CutJson {
  let [start, end] = [0, 0]
  let depth = 0
  // How much of `"image":` has been read, at the top level.
  let read: 'nothing' | 'name' | 'colon' = 'nothing'
  for (let at = 0; at < body.length; at++) {
    if (at - (end - start) >= maxRest) throw tooMuch(maxRest)
    const byte = body[at]!
    if (byte === QUOTE) {
      const close = endOfText(body, at + 1, maxRest)
      if (read === 'colon') {
        if (start > 0) throw errors.badJson('"image" twice')
        ;[start, end] = [at + 1, close]
      }
      read = depth === 1 && read === 'nothing' && NAME.equals(body.subarray(at + 1, close)) ? 'name' : 'nothing'
      at = close
    } else if (byte === COLON && read === 'name') {
      read = 'colon'
    } else if (!BLANKS.has(byte)) {
      read = 'nothing'
      if (OPENING.has(byte)) depth++
      else if (CLOSING.has(byte)) depth--
      if (depth > MAX_DEPTH) throw errors.badJson(`one that is nested more than ${MAX_DEPTH} levels deep`)
    }
  }
  if (body.length - (end - start) > maxRest) throw tooMuch(maxRest)
  if (start === 0) return { image: null, rest: body }
  return { image: body.subarray(start, end), rest: Buffer.concat([body.subarray(0, start), body.subarray(end)]) }
}

/**
 * Position of the quote that ends the text from `start` on. A text may be long, but not with an escaped quote or a run of
 * backslashes after `maxEscaped` bytes: an image has neither, and each of them takes time.
 */
function endOfText (body: Buffer, start: number, maxEscaped: number): number {
  for (let from = start; ;) {
    const quote = body.indexOf(QUOTE, from)
    if (quote < 0) throw errors.badJson('text that is not JSON')
    let first = quote
    while (first > from && body[first - 1] === BACKSLASH) {
      first--
      if (quote - first > maxEscaped) throw tooMuch(maxEscaped)
    }
    if ((quote - first) % 2 === 0) return quote
    if (quote - start > maxEscaped) throw tooMuch(maxEscaped)
    from = quote + 1
  }
}

const tooMuch = (max: number): Error => errors.badJson(`one of more than ${max} bytes besides "image"`)
