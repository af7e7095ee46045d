// The base64 text of an image, as it stands in JSON, to its bytes: in parts, so that the event loop stays free, and without a
// copy of the whole text.
import { setImmediate } from 'node:timers/promises'
import { errors } from '../../errors.ts'

/** Bytes of the text that are decoded at a time; takes some ms. */
const PART_BYTES = 2 ** 18

/** Longest beginning of a data: URL. */
const MAX_HEAD_BYTES = 256

const [BACKSLASH, LETTER_U] = [0x5c, 0x75]

/**
 * Base64 or its URL-safe form, also with white space or as a data: URL. Checked first, since Buffer.from skips invalid
 * characters.
 *
 * @param text between the quotes of a JSON text, escapes included; UTF-8.
 * @throws VEL_ERR_NO_IMAGE, VEL_ERR_BAD_JSON
 */
export async function fromBase64 (text: Buffer): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(Math.ceil(text.length * 3 / 4))
  let written = 0
  let digits = ''
  let padding = ''
  let isFirst = true
  for (const part of partsOf(text)) {
    await setImmediate()
    const plain = isFirst ? withoutHead(part) : part
    isFirst = false
    const more = /\s/.test(plain) ? plain.replace(/\s+/g, '') : plain
    const end = more.indexOf('=')
    // Nothing but padding may follow padding.
    digits += padding === '' ? more.slice(0, end < 0 ? undefined : end) : ''
    padding += padding !== '' ? more : end < 0 ? '' : more.slice(end)
    if (padding.length > 2 || !/^[\w+/-]*$/.test(digits)) throw notBase64()
    const whole = digits.length - digits.length % 4
    written += bytes.write(digits.slice(0, whole), written, 'base64')
    digits = digits.slice(whole)
  }
  if (digits.length === 1 || /[^=]/.test(padding)) throw notBase64()
  written += bytes.write(digits, written, 'base64')
  return bytes.subarray(0, written)
}

/** What a JSON text stands for, part by part; no escape is cut in two. The first part holds the beginning of a data: URL. */
function * partsOf (text: Buffer): Generator<string> {
  for (let from = 0; from < text.length;) {
    const end = Math.min(text.length, Math.max(endOfEscapes(text, from, from + PART_BYTES), from + PART_BYTES))
    yield unescape(text.subarray(from, end))
    from = end
  }
}

/** End of the last escape that begins between `from` and `end`; `from` if there is none. */
function endOfEscapes (text: Buffer, from: number, end: number): number {
  let at = from
  const part = text.subarray(0, end)
  for (let next = part.indexOf(BACKSLASH, from); next >= 0 && next < end; next = part.indexOf(BACKSLASH, at)) {
    at = next + (text[next + 1] === LETTER_U ? 6 : 2)
  }
  return at
}

/** @throws VEL_ERR_BAD_JSON */
function unescape (inner: Buffer): string {
  const plain = inner.toString('latin1')
  if (!/[^ !#-[\]-~]/.test(plain)) return plain
  try {
    return JSON.parse(`"${new TextDecoder('utf-8', { fatal: true }).decode(inner)}"`)
  } catch (error) {
    // NOTE: JSON.parse quotes the text in its message, so the message is not passed on.
    throw errors.badJson(error instanceof SyntaxError ? 'text that is not JSON' : 'bytes that are not UTF-8')
  }
}

function withoutHead (text: string): string {
  const head = /^data:[^,]*;base64,/i.exec(text.slice(0, MAX_HEAD_BYTES))
  return head === null ? text : text.slice(head[0].length)
}

const notBase64 = (): Error => errors.noImage('an "image" that is not base64')
