// Options of POST /link: one parser for query, multipart fields and JSON.
import { z } from 'zod'
import { MODES, ORDERS, type Box, type LinkOptions } from '../../types.ts'
import { errors } from '../../errors.ts'

/** A name with its unparsed value: text, or any JSON value. */
export type GivenOption = readonly [name: string, value: unknown]

export const MAX_TOP_K = 100

export const MAX_RERANK_K = 1_000_000

export const MAX_BOXES = 256

const whole = (max: number): z.ZodType<number> => {
  return z.union([z.int(), z.string().regex(/^\d{1,9}$/).transform(Number)]).pipe(z.int().min(1).max(max))
}

const OPTIONS: Readonly<Record<keyof Omit<LinkOptions, 'boxes'>, { schema: z.ZodType, expected: string }>> = {
  mode: { schema: z.enum(MODES), expected: MODES.join(', ') },
  order: { schema: z.enum(ORDERS), expected: ORDERS.join(', ') },
  rerankK: { schema: whole(MAX_RERANK_K), expected: `a whole number from 1 to ${MAX_RERANK_K}` },
  topK: { schema: whole(MAX_TOP_K), expected: `a whole number from 1 to ${MAX_TOP_K}` }
}

const NAMES = [...Object.keys(OPTIONS), 'boxes']

/** @throws VEL_ERR_BAD_OPTION, VEL_ERR_BAD_BOXES */
export function parseOptions (given: readonly GivenOption[]): LinkOptions {
  const texts = new Map<string, string>()
  const options: Record<string, unknown> = {}
  for (const [name, value] of given) {
    if (!NAMES.includes(name)) {
      throw errors.badOption(`one of the options ${NAMES.join(', ')}`, show(name).slice(1, -1), 'an unknown option')
    }
    const text = asText(value)
    if (texts.has(name) && texts.get(name) !== text) throw errors.badOption('one value', name, 'two that differ')
    texts.set(name, text)
    options[name] = name === 'boxes' ? parseBoxes(value) : parseOption(name as keyof typeof OPTIONS, value)
  }
  return options
}

function parseOption (name: keyof typeof OPTIONS, value: unknown): unknown {
  const parsed = OPTIONS[name].schema.safeParse(value)
  if (!parsed.success) throw errors.badOption(OPTIONS[name].expected, name, show(asText(value)))
  return parsed.data
}

/**
 * `[[x1, y1, x2, y2], …]` in px, as JSON text or parsed. The upper bounds are checked once the picture's size is known.
 *
 * @throws VEL_ERR_BAD_BOXES
 */
function parseBoxes (value: unknown): Box[] {
  const list = typeof value === 'string' ? fromJson(value) : value
  if (!Array.isArray(list)) throw errors.badBoxes('a list [[x1, y1, x2, y2], …]', show(asText(value)))
  if (list.length === 0 || list.length > MAX_BOXES) throw errors.badBoxes(`1 to ${MAX_BOXES} boxes`, String(list.length))
  return list.map((box: unknown, i) => parseBox(box, i))
}

function parseBox (box: unknown, i: number): Box {
  const ok = Array.isArray(box) && box.length === 4 && box.every(v => typeof v === 'number' && Number.isFinite(v))
  if (!ok) throw errors.badBoxes('four finite numbers x1, y1, x2, y2 a box', `${show(asText(box))} as box ${i}`)
  const [x1, y1, x2, y2] = box as [number, number, number, number]
  if (x1 < 0 || y1 < 0) throw errors.badBoxes('px inside the picture', `${show(asText(box))} as box ${i}`)
  if (!(x2 > x1 && y2 > y1)) throw errors.badBoxes('x2 greater than x1 and y2 greater than y1', `${show(asText(box))} as box ${i}`)
  return { x1, y1, x2, y2 }
}

function fromJson (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw errors.badBoxes('a JSON list [[x1, y1, x2, y2], …]', show(text))
  }
}

const asText = (value: unknown): string => typeof value === 'string' ? value : JSON.stringify(value) ?? 'nothing'

/** The value for an error message: quoted, on one line, at most 60 characters. */
const show = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)

export interface Upload { readonly image: Uint8Array | { readonly url: string }, readonly options: readonly GivenOption[] }

export interface UploadLimits { readonly maxImageBytes: number }
