// Options of POST /link: one parser for query, multipart fields and JSON.
import { z } from 'zod'
import { ENTITIES_MODES, MODES, ORDERS, type Box, type LinkOptions } from '../../types.ts'
import { FIRST_YEAR, isDay, isShortCaption, MAX_CAPTION } from '../../captions/limits.ts'
import { errors } from '../../errors.ts'
import type { TakeBytes } from './upload-budget.ts'

/** A name with its unparsed value: text, or any JSON value. */
export type GivenOption = readonly [name: string, value: unknown]

export const MAX_TOP_K = 100

export const MAX_RERANK_K = 1_000_000

export const MAX_BOXES = 256

/** What a request asks for: how to link, and whether what the photo's metadata says is used too. */
export interface LinkRequest extends LinkOptions { readonly readMetadata?: boolean | undefined }

const whole = (max: number): z.ZodType<number> => {
  return z.union([z.int(), z.string().regex(/^\d{1,9}$/).transform(Number)]).pipe(z.int().min(1).max(max))
}

/** Most ids and names of a shortlist. */
export const MAX_SHORTLIST = 1000
/** Longest name in it, UTF-16 units. */
export const MAX_LISTED_NAME = 500
/** A list, as JSON or as JSON text, or a text with an id or name a line; ids may be separated by commas too. */
const shortlist = z.union([z.array(z.unknown()), z.string().transform(splitList)])
  .pipe(z.array(z.string().trim().min(1).max(MAX_LISTED_NAME)).min(1).max(MAX_SHORTLIST))

function splitList (text: string): unknown[] {
  if (text.trimStart().startsWith('[')) {
    try {
      return JSON.parse(text) as unknown[]
    } catch {
      return []
    }
  }
  const separator = /^[\sQ\d,]*$/.test(text) ? /[\n,]/ : '\n'
  return text.split(separator).map(line => line.trim()).filter(line => line !== '')
}

const OPTIONS: Readonly<Record<keyof Omit<LinkRequest, 'boxes'>, { schema: z.ZodType, expected: string }>> = {
  mode: { schema: z.enum(MODES), expected: MODES.join(', ') },
  order: { schema: z.enum(ORDERS), expected: ORDERS.join(', ') },
  rerankK: { schema: whole(MAX_RERANK_K), expected: `a whole number from 1 to ${MAX_RERANK_K}` },
  topK: { schema: whole(MAX_TOP_K), expected: `a whole number from 1 to ${MAX_TOP_K}` },
  caption: { schema: z.string().refine(isShortCaption), expected: `a text of at most ${MAX_CAPTION} characters` },
  entities: { schema: shortlist, expected: `a list of 1 to ${MAX_SHORTLIST} ids or names, or one a line` },
  entitiesMode: { schema: z.enum(ENTITIES_MODES), expected: ENTITIES_MODES.join(', ') },
  takenAt: {
    schema: z.string().refine(isDay),
    expected: `a day such as 2004-03-31, a month or a year, from ${FIRST_YEAR} to today`
  },
  readMetadata: {
    schema: z.union([z.boolean(), z.enum(['on', 'off']).transform(value => value === 'on')]),
    expected: 'on or off'
  }
}

/** Options that a form sends empty where nobody filled them in. */
const MAY_BE_EMPTY = new Set(['caption', 'entities', 'entitiesMode', 'takenAt', 'readMetadata'])

/** Levels of a value that messages quote, and items of each; boxes have two levels, of which the inner has four. */
const MAX_SHOWN_DEPTH = 4
const MAX_SHOWN_ITEMS = 10

/** Smallest side of a box, px: a narrower one holds no pixel. */
const MIN_BOX_PX = 1

/** Greatest ratio of a box's sides: no face is narrower. */
export const MAX_BOX_RATIO = 10

export const OPTION_NAMES: readonly string[] = [...Object.keys(OPTIONS), 'boxes']

/** The options in a query string. A parameter that occurs twice is a list. */
export function fromQuery (query: unknown): GivenOption[] {
  const parameters = Object.entries(query as Record<string, string | string[]>)
  return parameters.flatMap(([name, value]) => [value].flat().map(one => [name, one] as const))
}

/**
 * An empty caption, shortlist or date counts as none.
 *
 * @throws VEL_ERR_BAD_OPTION, VEL_ERR_BAD_BOXES
 */
export function parseOptions (given: readonly GivenOption[]): LinkRequest {
  const options: LinkRequest & Record<string, unknown> = {}
  for (const [name, value] of given) {
    if (!OPTION_NAMES.includes(name)) {
      throw errors.badOption(`one of the options ${OPTION_NAMES.join(', ')}`, show(name).slice(1, -1), 'an unknown option')
    }
    const parsed = parseOne(name, value)
    const differs = name in options && JSON.stringify(options[name]) !== JSON.stringify(parsed)
    if (differs) throw errors.badOption('one value', name, 'two that differ')
    options[name] = parsed
  }
  if (options.entitiesMode === 'only' && options.entities === undefined) {
    throw errors.badOption('a list of ids or names, because entitiesMode is "only"', 'entities', 'none')
  }
  return options
}

function parseOne (name: string, value: unknown): unknown {
  if (name === 'boxes') return parseBoxes(value)
  return MAY_BE_EMPTY.has(name) && isEmpty(name, value) ? undefined : parseOption(name as keyof typeof OPTIONS, value)
}

function isEmpty (name: string, value: unknown): boolean {
  if (name === 'entities' && (Array.isArray(value) ? value.length === 0 : value === '[]')) return true
  return typeof value === 'string' && value.trim() === ''
}

/**
 * The option of `POST /entities/:id/images`: `box`, as `[x1, y1, x2, y2]` in JSON text or JSON already read.
 *
 * @returns null without options.
 * @throws VEL_ERR_BAD_OPTION, VEL_ERR_BAD_BOXES
 */
export function parseBoxOption (given: readonly GivenOption[]): Box | null {
  const other = given.find(([name]) => name !== 'box')
  if (other !== undefined) throw errors.badOption('no option but "box" beside the image', show(other[0]).slice(1, -1), 'an unknown option')
  const [first, ...more] = given.map(([, value]) => asText(value))
  if (first === undefined) return null
  if (more.some(text => text !== first)) throw errors.badOption('one value', 'box', 'two that differ')
  return parseBoxes(`[${first}]`)[0]!
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
  const [short, long] = [x2 - x1, y2 - y1].sort((a, b) => a - b) as [number, number]
  if (short < MIN_BOX_PX || long > short * MAX_BOX_RATIO) {
    const expected = `sides of at least ${MIN_BOX_PX} px, the longer at most ${MAX_BOX_RATIO} times the shorter`
    throw errors.badBoxes(expected, `${show(asText(box))} as box ${i}`)
  }
  return { x1, y1, x2, y2 }
}

function fromJson (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw errors.badBoxes('a JSON list [[x1, y1, x2, y2], …]', show(text))
  }
}

const asText = (value: unknown): string => {
  return typeof value === 'string' ? value : JSON.stringify(abbreviate(value, MAX_SHOWN_DEPTH)) ?? 'nothing'
}

/**
 * The beginning of `value`, without what is nested more than `depth` levels deep: JSON.stringify recurses and would exhaust the
 * stack, and of a mebibyte it takes 200 ms.
 */
function abbreviate (value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (depth === 0) return '…'
  if (Array.isArray(value)) return value.slice(0, MAX_SHOWN_ITEMS).map(item => abbreviate(item, depth - 1))
  return Object.fromEntries(Object.entries(value).slice(0, MAX_SHOWN_ITEMS).map(([name, member]) => [name, abbreviate(member, depth - 1)]))
}

/** The value for an error message: quoted, on one line, at most 60 characters. */
const show = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)

export interface Upload { readonly image: Uint8Array | { readonly url: string }, readonly options: readonly GivenOption[] }

export interface UploadLimits { readonly maxImageBytes: number, readonly take: TakeBytes }
