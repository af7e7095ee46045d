// Schemas of an entity's id and texts, for entity files, requests and index folders alike.
import { z } from 'zod'
import { ENTITY_ID } from '../../types.ts'

/** Wikidata limits labels to 250 characters; other sources are a little longer. */
export const MAX_NAME = 500
export const MAX_DESCRIPTION = 2000
export const MAX_ALIASES = 200
export const MAX_IMAGES = 1000

// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/
/**
 * Marks that set the direction of text. Right-to-left scripts are shown correctly without them, and with them a name can be
 * made to look like another one. Joiners (U+200C, U+200D) stay: Persian and Indic names need them.
 */
const DIRECTION_MARKS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g

/** A text in Unicode's composed form, without direction marks and outer spaces; control characters are refused. */
const text = (max: number): z.ZodType<string, string> => z.string()
  .max(max * 2, `at most ${max} characters`)
  .refine(s => !/\p{Surrogate}/u.test(s), 'whole characters (no lone surrogates)')
  .refine(s => !CONTROL.test(s), 'no control characters')
  .transform(s => s.replace(DIRECTION_MARKS, '').normalize('NFC').trim())
  .pipe(z.string().max(max, `at most ${max} characters`))

export const entityId = z.string().regex(ENTITY_ID, 'a Wikidata item id such as "Q207"')
export const entityName = text(MAX_NAME).pipe(z.string().min(1, 'a name that is not empty'))
export const entityDescription = text(MAX_DESCRIPTION)
export const entityAliases = z.array(entityName).max(MAX_ALIASES)

/** Of the proleptic Gregorian calendar; years before 1 are negative. */
const year = z.int().min(-4000).max(2200)

/** A record of `entities.jsonl` in an index folder. */
export const entityRecord = z.object({
  id: entityId,
  name: entityName,
  description: entityDescription.default(''),
  aliases: entityAliases.default([]),
  birthYear: year.optional(),
  deathYear: year.optional()
})

// eslint-disable-next-line no-control-regex
const path = z.string().min(1).max(4096).regex(/^[^\u0000-\u001f]+$/, 'a path without control characters')

/** How Wikidata writes the id of an item as an address: of the item, and of its page. */
const ADDRESS = /^https?:\/\/www\.wikidata\.org\/(?:entity|wiki)\/(?=Q\d+$)/

/** A line of an entity file. `id`: also as the item's full address. `images`: paths relative to that file. */
export const entityLine = entityRecord.extend({
  id: z.string().transform(id => id.replace(ADDRESS, '')).pipe(entityId),
  images: z.array(path).max(MAX_IMAGES).default([])
})
export type EntityLine = z.infer<typeof entityLine>
