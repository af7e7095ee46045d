// Query files: photos, boxes and the right entity of each. Our JSON lines, or WIKIPerson's JSON array.
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import type { Box } from '../../types.ts'
import { FIRST_YEAR, isDay, isShortCaption, MAX_CAPTION } from '../../captions/limits.ts'
import { errors } from '../../errors.ts'
import { entityId } from '../../kb/storage/entity-schema.ts'

/** One face to be linked. */
export interface Query {
  /** The photo's path as in the file. */
  readonly image: string
  /** The photo's path, resolved. */
  readonly path: string
  /** px of the EXIF-oriented photo; null: the face nearest the photo's centre. */
  readonly box: Box | null
  /** The right entity; null for a stranger, whose right answer is NIL. */
  readonly entityId: string | null
  /** The query file. */
  readonly file: string
  /** What came with the photo; the same for all queries of it. */
  readonly caption?: string | undefined
  /** ISO 8601 date or its beginning. */
  readonly takenAt?: string | undefined
}

export interface QueryFile {
  readonly queries: readonly Query[]
  /** Left out: photo and face equal those of an earlier query. */
  readonly duplicates: readonly string[]
  /** Broken entries with their line or item number; only with `skipBroken`. */
  readonly problems: readonly string[]
}

export interface ReadOptions {
  /** Leave out broken entries and report them, instead of refusing the file. */
  readonly skipBroken?: boolean
  /** Folder of the photos; by default that of the file. */
  readonly imagesDir?: string | undefined
}

const box = z.tuple([z.number(), z.number(), z.number(), z.number()])
  .refine(([x1, y1, x2, y2]) => x2 > x1 && y2 > y1, '[x1, y1, x2, y2] with x2 > x1 and y2 > y1')
  .transform(([x1, y1, x2, y2]): Box => ({ x1, y1, x2, y2 }))
const image = z.string().min(1).refine(name => !name.includes('\0'), 'a file name')

const queryLine = z
  .object({
    image,
    mentions: z.array(z.object({ id: entityId.nullable(), box: box.optional() })).min(1),
    caption: z.string().refine(isShortCaption, `a caption of at most ${MAX_CAPTION} characters`).optional(),
    takenAt: z.string().refine(isDay, `a day such as 2004-03-31, a month or a year, from ${FIRST_YEAR} to today`).optional()
  })
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
 * @throws VEL_ERR_INPUT for a file that cannot be read or is empty, and for broken entries unless `skipBroken` is set: figures
 *   over a part of the queries must not pass for those over all.
 */
export async function readQueries (file: string, options: ReadOptions = {}): Promise<QueryFile> {
  const text = await readText(file)
  const entries = text.trimStart().startsWith('[') ? wikiPersonEntries(file, text) : lineEntries(text)
  if (entries.length === 0) throw errors.input(`queries in ${file}`, 'an empty file')
  const problems: string[] = []
  const queries: Query[] = []
  for (const { position, value, schema } of entries) {
    const parsed = schema.safeParse(value)
    if (!parsed.success) {
      problems.push(`${position}: ${value === NOT_JSON ? 'not JSON' : z.prettifyError(parsed.error).replaceAll(/\s*\n\s*/g, ' ')}`)
      continue
    }
    const { image, mentions, ...known } = parsed.data
    const path = resolve(options.imagesDir ?? dirname(file), image)
    for (const mention of mentions) queries.push({ image, path, box: mention.box ?? null, entityId: mention.id, file, ...known })
  }
  if (problems.length > 0 && options.skipBroken !== true) {
    throw errors.input(`valid queries in ${file}`, `${describeProblems(problems)}; mend them, or leave them out with --skip-broken`)
  }
  if (queries.length === 0) throw errors.input(`queries in ${file}`, describeProblems(problems))
  return { ...withoutDuplicates(queries), problems }
}

interface Entry { readonly position: string, readonly value: unknown, readonly schema: typeof queryLine | typeof wikiPersonItem }

const NOT_JSON = Symbol('not JSON')

function parseJson (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return NOT_JSON
  }
}

async function readText (file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).replace(/^\uFEFF/, '')
  } catch (error) {
    throw errors.input(`a query file at ${file}`, (error as Error).message)
  }
}

function lineEntries (text: string): Entry[] {
  return text
    .split('\n')
    .flatMap((line, i) => line.trim() === '' ? [] : [{ position: `line ${i + 1}`, value: parseJson(line), schema: queryLine }])
}

function wikiPersonEntries (file: string, text: string): Entry[] {
  const items = parseJson(text)
  if (!Array.isArray(items)) {
    throw errors.input(`a JSON array of {"id", "image", "boundingbox", "wikiid"} in ${file}`, 'broken JSON that begins with "["')
  }
  return items.map((value: unknown, i) => ({ position: `item ${i + 1}`, value, schema: wikiPersonItem }))
}

/** Keeps the first query of each photo and face; a duplicate that names another entity is reported with both ids. */
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

/** The first ten, and the number of the others. */
export function describeProblems (items: readonly string[]): string {
  const more = items.length - 10
  return `${items.length} broken:\n  ${items.slice(0, 10).join('\n  ')}${more > 0 ? `\n  and ${more} more` : ''}`
}
