// Query files: which photo, which face in it, and who it is. Our JSON lines, or WIKIPerson's JSON array.
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import type { Box } from '../../types.ts'
import { errors } from '../../errors.ts'
import { entityId } from '../../kb/storage/entity-schema.ts'

/** One face to be linked. */
export interface Query {
  /** The photo as the file names it. */
  readonly image: string
  /** Where the photo is. */
  readonly path: string
  /** px of the EXIF-oriented photo; null: the face nearest the photo's centre. */
  readonly box: Box | null
  /** Who it is; null for a stranger, whose right answer is NIL. */
  readonly entityId: string | null
  /** The query file. */
  readonly file: string
}

export interface QueryFile {
  readonly queries: readonly Query[]
  /** Same photo and same face as an earlier query, and so left out. */
  readonly duplicates: readonly string[]
  /** What was wrong, with its place; only with `skipBroken`. */
  readonly faults: readonly string[]
}

export interface ReadOptions {
  /** Leave out what cannot be read, and tell it, instead of refusing the file. */
  readonly skipBroken?: boolean
  /** Where the photos are, when not beside the file. */
  readonly imagesDir?: string | undefined
}

const box = z.tuple([z.number(), z.number(), z.number(), z.number()])
  .refine(([x1, y1, x2, y2]) => x2 > x1 && y2 > y1, '[x1, y1, x2, y2] with x2 > x1 and y2 > y1')
  .transform(([x1, y1, x2, y2]): Box => ({ x1, y1, x2, y2 }))
const image = z.string().min(1).refine(name => !name.includes('\0'), 'a file name')

const queryLine = z
  .object({ image, mentions: z.array(z.object({ id: entityId.nullable(), box: box.optional() })).min(1) })
  .refine(
    line => line.mentions.length === 1 || line.mentions.every(m => m.box !== undefined),
    'a box for each mention where a photo has several'
  )

const wikiPersonItem = z.object({
  image,
  boundingbox: z.string().transform((text, context) => {
    const parsed = box.safeParse(parseJson(text))
    if (parsed.success) return parsed.data
    context.addIssue('a box as "[x1, y1, x2, y2]"')
    return z.NEVER
  }),
  wikiid: entityId
}).transform(item => ({ image: item.image, mentions: [{ id: item.wikiid, box: item.boundingbox }] }))

/**
 * Reads one query file of either kind.
 *
 * @throws VEL_ERR_INPUT for a file that cannot be read, is empty, or has broken places and `skipBroken` is not set: an
 *   evaluation on fewer queries than it was given would be another evaluation.
 */
export async function readQueries (file: string, options: ReadOptions = {}): Promise<QueryFile> {
  const text = await readText(file)
  const places = text.trimStart().startsWith('[') ? wikiPersonPlaces(file, text) : linePlaces(text)
  if (places.length === 0) throw errors.input(`queries in ${file}`, 'an empty file')
  const faults: string[] = []
  const queries: Query[] = []
  for (const { place, value, schema } of places) {
    const parsed = schema.safeParse(value)
    if (!parsed.success) {
      faults.push(`${place}: ${value === BROKEN ? 'not JSON' : z.prettifyError(parsed.error).replaceAll(/\s*\n\s*/g, ' ')}`)
      continue
    }
    const { image, mentions } = parsed.data
    const path = resolve(options.imagesDir ?? dirname(file), image)
    for (const mention of mentions) queries.push({ image, path, box: mention.box ?? null, entityId: mention.id, file })
  }
  if (faults.length > 0 && options.skipBroken !== true) {
    throw errors.input(`valid queries in ${file}`, `${listed(faults)}; mend them, or leave them out with --skip-broken`)
  }
  if (queries.length === 0) throw errors.input(`queries in ${file}`, listed(faults))
  return { ...withoutDuplicates(queries), faults }
}

interface Place { readonly place: string, readonly value: unknown, readonly schema: typeof queryLine | typeof wikiPersonItem }

const BROKEN = Symbol('not JSON')

function parseJson (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return BROKEN
  }
}

async function readText (file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).replace(/^\uFEFF/, '')
  } catch (error) {
    throw errors.input(`a query file at ${file}`, (error as Error).message)
  }
}

function linePlaces (text: string): Place[] {
  return text
    .split('\n')
    .flatMap((line, i) => line.trim() === '' ? [] : [{ place: `line ${i + 1}`, value: parseJson(line), schema: queryLine }])
}

function wikiPersonPlaces (file: string, text: string): Place[] {
  const items = parseJson(text)
  if (!Array.isArray(items)) {
    throw errors.input(`a JSON array of {"id", "image", "boundingbox", "wikiid"} in ${file}`, 'broken JSON that begins with "["')
  }
  return items.map((value: unknown, i) => ({ place: `item ${i + 1}`, value, schema: wikiPersonItem }))
}

/** The first of the same photo and face stays. One that contradicts it is a duplicate too, and is told as such. */
function withoutDuplicates (queries: readonly Query[]): { queries: Query[], duplicates: string[] } {
  const first = new Map<string, Query>()
  const duplicates: string[] = []
  for (const query of queries) {
    const key = JSON.stringify([query.path, query.box])
    const earlier = first.get(key)
    if (earlier === undefined) first.set(key, query)
    else {
      duplicates.push(
        earlier.entityId === query.entityId
          ? query.image
          : `${query.image} (${earlier.entityId ?? 'nobody'} before, ${query.entityId ?? 'nobody'} now)`
      )
    }
  }
  return { queries: [...first.values()], duplicates }
}

/** At most ten, and how many more. */
export function listed (items: readonly string[]): string {
  const more = items.length - 10
  return `${items.length} broken:\n  ${items.slice(0, 10).join('\n  ')}${more > 0 ? `\n  and ${more} more` : ''}`
}
