// Changes as requests ask for them: checked against the current view, then written.
import { z } from 'zod'
import type { KnowledgeBaseEditor } from '../types.ts'
import { TEXT_SPACES, type EmbedEntity, type Entity, type MentionEncoder } from '../../types.ts'
import { errors } from '../../errors.ts'
import { sha256 } from '../../files.ts'
import { toBase64 } from '../../math/vector.ts'
import type { ChangeDraft } from '../changes/change.ts'
import { entityRecord } from '../storage/entity-schema.ts'
import type { LiveIndex } from './live-index.ts'
import { byNumber } from './find-entities.ts'
import { usableFace, type FaceDemands } from './usable-face.ts'
import { compareFace } from '../compare-face.ts'
import type { JudgedModels } from '../../packs/evidence.ts'

/**
 * Sharpness: 24 news portraits with faces of some 90 px have at least 52, at half the size at least 31, and at most 11 when
 * blurred with a sigma of 4 px. Size: at 40 px the crop is enlarged threefold.
 */
const DEMANDS: FaceDemands = { minSizePx: 40, minSharpness: 12 }

const ALREADY_THERE = 'the person has this photo already: to use another face of it, delete it first'

export interface EditorParts {
  readonly encoder: MentionEncoder
  /** The models that `encoder` runs, with the limits that their faces are judged by. */
  readonly judged: JudgedModels
  /** Identity of the face encoder that `encoder` runs. */
  readonly recipe: string
  /** Embeds texts as the index's were; null where the model pack has no CLIP. */
  readonly embedTexts: EmbedEntity | null
}

export function createEditor (live: LiveIndex, { encoder, judged, recipe, embedTexts }: EditorParts): KnowledgeBaseEditor {
  const mustNotBeBlocked = (id: string): void => {
    if (live.view().blocked.has(id)) throw errors.blocked()
  }
  const entityMustBe = (id: string): void => {
    if (live.view().entity(id) === undefined) throw errors.notFound('an entity of the index', id)
  }
  return {
    async put (id, given, signal) {
      mustNotBeBlocked(id)
      const record = parseRecord(id, given)
      const texts = embedTexts === null ? undefined : await textsOf(record, live, embedTexts, signal)
      const created = live.view().entity(id) === undefined
      await live.change({ kind: 'put', entity: id, record, texts })
      return { entity: record, created }
    },
    async remove (id) {
      entityMustBe(id)
      await live.change({ kind: 'delete', entity: id })
    },
    async addImage (id, bytes, box, signal) {
      mustNotBeBlocked(id)
      entityMustBe(id)
      const image = sha256(bytes).slice(0, 16)
      if (live.view().images(id).includes(image)) return { image, created: false, notes: box === null ? [] : [ALREADY_THERE] }
      const encoded = await encoder.encode(bytes, box === null ? {} : { boxes: [box] }, signal)
      const { face } = usableFace(encoded, judged, DEMANDS)
      const notes = await live.use(async kb => await compareFace(kb, id, face))
      if (encoded.turnedBy !== 0) notes.push(`the face was found after turning the photo by ${encoded.turnedBy} degrees clockwise`)
      // The entity may have been deleted while its photo was encoded.
      entityMustBe(id)
      await live.change({ kind: 'add-image', entity: id, image, face: toBase64(face), recipe })
      return { image, created: true, notes }
    },
    async removeImage (id, image) {
      entityMustBe(id)
      if (!live.view().images(id).includes(image)) {
        throw errors.notFound(`an image of ${id}; GET /entities/${id} lists those that are known by id`, image)
      }
      await live.change({ kind: 'delete-image', entity: id, image })
    },
    async block (id) {
      const created = !live.view().blocked.has(id)
      if (created) await live.change({ kind: 'block', entity: id })
      return created
    },
    async unblock (id) {
      if (!live.view().blocked.has(id)) throw errors.notFound('an id of the blocklist', id)
      await live.change({ kind: 'unblock', entity: id })
    },
    blocklist: () => byNumber(live.view().blocked),
    reload: async () => await live.reload()
  }
}

/** @returns embeddings of the entity's texts in the text spaces of the index; undefined where it has none. */
async function textsOf (
  entity: Entity,
  live: LiveIndex,
  embedTexts: EmbedEntity,
  signal: AbortSignal | undefined
): Promise<Extract<ChangeDraft, { kind: 'put' }>['texts']> {
  const { spaces } = live.view().base.manifest
  const fields = TEXT_SPACES.filter(space => spaces[space] !== undefined)
  if (fields.length === 0) return undefined
  const embeddings = await embedTexts(entity, fields, signal)
  return Object.fromEntries(fields.map(field => {
    return [field, { vector: toBase64(embeddings[field]!), recipe: spaces[field]!.encoder.recipe }]
  }))
}

const record = entityRecord.strict()

/** @throws VEL_ERR_BAD_OPTION naming the first member at fault. */
function parseRecord (id: string, given: Readonly<Record<string, unknown>>): z.infer<typeof record> {
  const { success, data, error } = record.safeParse({ ...given, id })
  if (success) return data
  const issue = error.issues[0]!
  if (issue.code === 'unrecognized_keys') {
    throw errors.badOption('one of name, description, aliases, birthYear, deathYear', issue.keys[0]!.slice(0, 60), 'an unknown member')
  }
  const expected = issue.code === 'invalid_type' ? `a value of type ${issue.expected}` : issue.message
  throw errors.badOption(expected, issue.path.join('.'), describe(valueAt(given, issue.path)))
}

function valueAt (given: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], given)
}

function describe (value: unknown): string {
  if (value === undefined) return 'none'
  if (typeof value === 'string') return value.trim() === '' ? 'an empty one' : `a text of ${value.length} characters`
  return Array.isArray(value) ? `a list of ${value.length}` : value === null ? 'null' : `a ${typeof value}`
}
