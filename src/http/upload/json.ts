// The JSON form of POST /link: {"image": base64} or {"url": …}, options beside it.
import type { FastifyRequest } from 'fastify'
import type { Upload, UploadLimits } from './link-options.ts'
import { errors } from '../../errors.ts'
import { fromBase64 } from './base64.ts'
import { cutImage } from './cut-image.ts'
import { readBytes } from './read-bytes.ts'

/** Allowance for options beside the image, bytes. */
const OPTIONS_BYTES = 2 ** 20

/** Largest JSON body that can hold an image of `maxImageBytes`. */
export const jsonLimit = (maxImageBytes: number): number => Math.ceil(maxImageBytes * 4 / 3) + OPTIONS_BYTES

/** @throws VEL_ERR_BAD_JSON, VEL_ERR_NO_IMAGE, VEL_ERR_TOO_MANY_BYTES, VEL_ERR_OVERLOADED */
export async function readJson (request: FastifyRequest, { maxImageBytes, take }: UploadLimits): Promise<Upload> {
  const tooMany = (): Error => errors.tooManyBytes(String(maxImageBytes), 'more')
  const body = await readBytes(request.raw, jsonLimit(maxImageBytes), { tooMany, broken: () => errors.clientGone() }, take)
  if (body.length === 0) throw errors.noImage('an empty body')
  const cut = cutImage(body, OPTIONS_BYTES)
  const { image, url, ...options } = parseObject(cut.rest)
  if (image !== undefined && url !== undefined) throw errors.noImage('both "image" and "url"; send one of them')
  if (url !== undefined) {
    if (typeof url !== 'string') throw errors.noImage('a "url" that is not a text')
    return { image: { url }, options: Object.entries(options) }
  }
  if (typeof image !== 'string') throw errors.noImage(image === undefined ? 'JSON without either' : 'an "image" that is not a text')
  const bytes = await fromBase64(cut.image === null || image !== '' ? betweenQuotes(image) : cut.image)
  if (bytes.length > maxImageBytes) throw tooMany()
  return { image: bytes, options: Object.entries(options) }
}

/** A short text as it stands in JSON. */
const betweenQuotes = (text: string): Buffer => Buffer.from(JSON.stringify(text)).subarray(1, -1)

/** @throws VEL_ERR_BAD_JSON */
export function parseObject (body: Buffer): Record<string, unknown> {
  const value = parse(body)
  if (Array.isArray(value)) throw errors.badJson('a list')
  if (typeof value !== 'object' || value === null) throw errors.badJson('a single value')
  return value as Record<string, unknown>
}

/** @throws VEL_ERR_BAD_JSON */
function parse (body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch (error) {
    // NOTE: JSON.parse quotes the body in its message, so the message is not passed on.
    throw errors.badJson(error instanceof SyntaxError ? 'text that is not JSON' : 'bytes that are not UTF-8')
  }
}
