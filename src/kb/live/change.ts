// One change of a knowledge base that is served: what the log keeps, what replicas send each other, what the overlay shows.
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { IMAGE_ID } from '../../types.ts'
import { entityId, entityRecord } from '../storage/entity-schema.ts'

export const imageId = z.string().regex(IMAGE_ID, 'the first 16 hex digits of the photo\'s sha256')

/**
 * Later changes win over earlier ones by `at`, ms since 1970, and where it is equal by `id`: whoever has the same changes,
 * received in any order and any number of times, has the same knowledge base.
 */
const order = { at: z.int().nonnegative(), id: z.uuid() }

/** L2-normalised float32, little endian, base64; comparable to embeddings of the encoder with this recipe alone. */
const vector = z.base64()
const textVector = z.object({ vector, recipe: z.string() }).optional()

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
    recipe: z.string()
  }),
  z.object({ ...order, kind: z.literal('delete-image'), entity: entityId, image: imageId })
])

export type Change = z.infer<typeof change>
type Without<C, K extends string> = C extends unknown ? Omit<C, K> : never
/** A change before it has its place among the others. */
export type ChangeDraft = Without<Change, 'at' | 'id'>

/** Gives a change its place: after every change that is known here, whatever the clocks of other machines say. */
export function stamp (draft: ChangeDraft, latest: number): Change {
  return { at: Math.max(Date.now(), latest + 1), id: randomUUID(), ...draft }
}

export function isLater (a: Change, b: Change | undefined): boolean {
  return b === undefined || a.at > b.at || (a.at === b.at && a.id > b.id)
}
