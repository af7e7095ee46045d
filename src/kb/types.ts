// The knowledge base as other rooms see it: queries and changes.
import type { Gazetteer } from '../captions/gazetteer.ts'
import type { Calibration } from './calibration.ts'
import type { Box, Entity, IndexInfo, Neighbour, Space } from '../types.ts'

/** When a mention is linked to its first candidate. Kept in the index, since it depends on the encoder and on the entities. */
export interface Decision {
  /** Least face score of the first candidate at which a mention is linked; on the scale of cosines. */
  readonly threshold: number
  /** A mention is ambiguous where the second candidate's score is nearer to the first's than this. */
  readonly ambiguousMargin: number
  /** What the threshold was measured on; for information only. */
  readonly measuredOn: string
}

export interface KnowledgeBase {
  readonly info: IndexInfo
  /** Width of the vectors of each space; a space that is absent cannot be searched. */
  readonly dims: { readonly [S in Space]?: number }
  readonly decision: Decision
  /** Weights of face and text when both are fused; equal where the index has none. */
  readonly fusion?: { readonly face: number, readonly text: number } | undefined
  /** How similarities become probabilities; absent until `vel calibrate`. */
  readonly calibration?: Calibration | undefined
  /** The `k` entities nearest to `embedding` (L2-normalised), best first, each once: several vectors count by their best. */
  search: (space: Space, embedding: Float32Array, k: number) => Promise<Neighbour[]>
  /** Cosine of `embedding` to each entity's best vector in `space`, in order; NaN for an entity without one. */
  similarities: (space: Space, embedding: Float32Array, entities: readonly Entity[]) => Promise<Float32Array>
  /** The entity's vectors in `space`, L2-normalised float32; empty for an entity without. */
  vectors: (space: Space, entity: Pick<Entity, 'id'>) => Promise<Float32Array[]>
  /**
   * By how much other people's faces are more similar to the entity's than to an average person's, a difference of cosines;
   * null for an entity without a face, and in an index with too few faces.
   */
  cohortMean: (entity: Pick<Entity, 'id'>) => Promise<number | null>
  entity: (id: string) => Entity | undefined
  /** The names of all entities. Indexed on the first call: some seconds for 120,000 people, shared with other work. */
  names: () => Promise<Gazetteer>
  /**
   * Ids that must not be named. They are found by `search` and `entity`, so that a photo of such a person is not linked to the
   * next best: what is told to callers leaves them out. Absent for none.
   */
  readonly blocked?: ReadonlySet<string> | undefined
  close: () => Promise<void>
}

export interface EntityQuery {
  /** The beginning of a word of a name or an alias, ignoring case and accents; empty matches all entities. */
  readonly query: string
  readonly limit: number
  /** Id after which the page begins. */
  readonly after?: string | undefined
}

/** In the order of ids. `next`: id of the last one where there are more. */
export interface EntityPage { readonly entities: readonly Entity[], readonly next: string | null }

export interface AddedImage { readonly image: string, readonly created: boolean, readonly notes: readonly string[] }

/** Changes of the knowledge base; when its promise resolves, a change is durable and visible to the next image. */
export interface KnowledgeBaseEditor {
  /**
   * Creates or replaces the texts of an entity, and their vectors where the index has text spaces.
   *
   * @throws VEL_ERR_BAD_OPTION, VEL_ERR_BLOCKED, and what encoding throws
   */
  put: (id: string, given: Readonly<Record<string, unknown>>, signal?: AbortSignal) => Promise<{ entity: Entity, created: boolean }>
  /** Deletes an entity and its images permanently. @throws VEL_ERR_NOT_FOUND */
  remove: (id: string) => Promise<void>
  /**
   * Adds a reference photo. The same photo again changes nothing.
   *
   * @param box the face, where the photo shows several, px of the picture; null for the most prominent one.
   * @returns its id, the first 16 hex digits of its sha256, and sentences on what contradicts the knowledge base.
   * @throws VEL_ERR_BAD_BOXES for a box outside the picture, VEL_ERR_NOT_FOUND, VEL_ERR_BLOCKED, VEL_ERR_UNUSABLE_PHOTO, and what
   *   encoding throws
   */
  addImage: (id: string, bytes: Uint8Array, box: Box | null, signal?: AbortSignal) => Promise<AddedImage>
  /** @throws VEL_ERR_NOT_FOUND */
  removeImage: (id: string, image: string) => Promise<void>
  /** Puts an id on the blocklist, whether the index has it or not. @returns whether it was not on it. */
  block: (id: string) => Promise<boolean>
  /** @throws VEL_ERR_NOT_FOUND where the id is not on the blocklist. */
  unblock: (id: string) => Promise<void>
  /** Ids on the blocklist, by number. */
  blocklist: () => readonly string[]
  /** Swaps in the index folder as it is now. @throws VEL_ERR_RELOAD */
  reload: () => Promise<IndexInfo>
}
