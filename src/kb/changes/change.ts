// One change of a live knowledge base: what the log keeps, what replicas send each other, what the overlay shows.
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { IMAGE_ID } from '../../types.ts'
import { entityId, entityRecord } from '../storage/entity-schema.ts'

export const imageId = z.string().regex(IMAGE_ID, 'the first 16 hex digits of the photo\'s sha256')

/**
 * Later changes win over earlier ones by `at`, ms since 1970, and where it is equal by `id`: servers with the same changes,
 * received in any order and any number of times, have the same knowledge base.
 */
const order = { at: z.int().nonnegative(), id: z.uuid() }

/** Bounds of what one change takes in the log; an index has at most 65,536 float32 a vector. */
const MAX_VECTOR_CHARS = Math.ceil(65_536 * 4 / 3) * 4
const MAX_RECIPE_CHARS = 1000

/** L2-normalised float32, little endian, base64; comparable only to embeddings of the encoder with this recipe. */
const vector = z.base64().max(MAX_VECTOR_CHARS)
const recipe = z.string().max(MAX_RECIPE_CHARS)
const textVector = z.object({ vector, recipe }).optional()

/** At most about 1.1 MB as JSON, in UTF-8. */
export const change = z.discriminatedUnion('kind', [
  z.object({
    ...order,
    kind: z.literal('put'),
    entity: entityId,
    record: entityRecord,
    /** Embeddings of the record's texts; absent where the index had no texts when it was put. */
    texts: z.object({ name: textVector, name_description: textVector }).optional()
  }),
  z.object({ ...order, kind: z.literal('delete'), entity: entityId }),
  z.object({
    ...order,
    kind: z.literal('add-image'),
    entity: entityId,
    image: imageId,
    face: vector,
    recipe
  }),
  z.object({ ...order, kind: z.literal('delete-image'), entity: entityId, image: imageId }),
  /** The blocklist: a blocked entity is never named, whether the index has it or not. */
  z.object({ ...order, kind: z.literal('block'), entity: entityId }),
  z.object({ ...order, kind: z.literal('unblock'), entity: entityId })
])

export type Change = z.infer<typeof change>
type Without<C, K extends string> = C extends unknown ? Omit<C, K> : never
/** A change that is not ordered among the others yet. */
export type ChangeDraft = Without<Change, 'at' | 'id'>

/**
 * Orders a change after every change that is known here, whatever the clocks of other machines say.
 *
 * @param latest `at` of the last known change.
 */
export function stamp (draft: ChangeDraft, latest: number): Change {
  return { at: Math.max(Date.now(), latest + 1), id: randomUUID(), ...draft }
}

/** Changes of other servers may be dated ahead of this machine's clock by a day, no further: all later ones are ordered after them. */
const MAX_AHEAD_MS = 86_400_000

export function isTooFarAhead ({ at }: Change): boolean {
  return at > Date.now() + MAX_AHEAD_MS
}

export function isLater (a: Change, b: Change | undefined): boolean {
  return b === undefined || a.at > b.at || (a.at === b.at && a.id > b.id)
}
