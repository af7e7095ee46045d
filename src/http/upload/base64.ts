// Base64 of an image to its bytes, in parts, so that the event loop stays free.
import { setImmediate } from 'node:timers/promises'
import { errors } from '../../errors.ts'

/** Characters decoded at a time, a multiple of 4; takes some ms. */
const PART_CHARS = 2 ** 20

/**
 * Base64 or its URL-safe form, also with white space or as a data: URL. Checked first, since Buffer.from skips invalid
 * characters.
 *
 * @throws VEL_ERR_NO_IMAGE
 */
export async function fromBase64 (text: string): Promise<Buffer> {
  const head = /^data:[^,]{0,200};base64,/i.exec(text)
  const body = text.slice(head === null ? 0 : head[0].length)
  const padded = /\s/.test(body) ? body.replace(/\s+/g, '') : body
  const padding = padded.endsWith('==') ? 2 : Number(padded.endsWith('='))
  const digits = padded.slice(0, padded.length - padding)
  if (digits.length % 4 === 1) throw notBase64()
  const parts: Buffer[] = []
  for (let from = 0; from < digits.length; from += PART_CHARS) {
    await setImmediate()
    const part = digits.slice(from, from + PART_CHARS)
    if (!/^[\w+/-]*$/.test(part)) throw notBase64()
    parts.push(Buffer.from(part, 'base64'))
  }
  return Buffer.concat(parts)
}

const notBase64 = (): Error => errors.noImage('an "image" that is not base64')
