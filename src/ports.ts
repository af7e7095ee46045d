// The ports between the parts: the pipeline and the models that serve it, the service and the linker behind it.
// Who needs something asks a port; who has it implements the port.
import type { Calibration } from './kb/calibration.ts'
import type { Box, Detection, Entity, IndexInfo, Landmarks, LinkedImage, LinkImage, Mode, ModelInfo, Neighbour, Raster, Space, TextSpace } from './types.ts'
import type { Pyramid } from './image/pyramid.ts'

/** Finds faces in a whole picture of any size. */
export interface FaceDetector {
  /** Whether its detections carry landmarks. */
  readonly locatesLandmarks: boolean
  /** Faces in px of the original; the same face may come more than once. */
  detect: (pyramid: Pyramid) => Promise<Detection[]>
}

/** For detectors that give boxes only. */
export interface LandmarkLocator {
  /** One set of landmarks a box, px of the original. */
  locate: (pyramid: Pyramid, boxes: readonly Box[]) => Promise<Landmarks[]>
}

export interface FaceEncoder {
  readonly dims: number
  /** Crops that the graph takes in one run at most; 1 where its batch is fixed, which is also what absent means. */
  readonly maxBatch?: number | undefined
  /** One L2-normalised float32 `[dims]` a crop, in order; crops are uint8 RGB of the encoder's input size. */
  encode: (crops: readonly Raster[]) => Promise<Float32Array[]>
}

/** The image half of CLIP. */
export interface ClipImageEncoder {
  readonly dims: number
  /** One L2-normalised float32 `[dims]` a crop, in order; crops are uint8 RGB of the encoder's input size. */
  encode: (crops: readonly Raster[]) => Promise<Float32Array[]>
}

/** The text half of CLIP. */
export interface ClipTextEncoder {
  readonly dims: number
  /** What is embedded of an entity: its name (CLIP_N), or its name and description (CLIP_N_D), in the pack's prompt. */
  prompt: (entity: Pick<Entity, 'name' | 'description'>, field: TextSpace) => string
  /** One L2-normalised float32 `[dims]` a text, in order; a text too long for the encoder loses its tail. */
  encode: (texts: readonly string[]) => Promise<Float32Array[]>
}

/** When the first candidate is the answer. Kept in the index, since it depends on the encoder and on who is in it. */
export interface Decision {
  /** First score by face from which a mention is linked; on the scale of cosines. */
  readonly threshold: number
  /** A second entity with a score nearer to the first's than this makes the mention ambiguous. */
  readonly ambiguousMargin: number
  /** What the threshold was measured on, for people. */
  readonly measuredOn: string
}

export interface KnowledgeBase {
  readonly info: IndexInfo
  /** Spaces with their width; a space that is absent cannot be searched. */
  readonly dims: { readonly [S in Space]?: number }
  readonly decision: Decision
  /** What face and text count for when both are fused; equal where the index does not say. */
  readonly fusion?: { readonly face: number, readonly text: number } | undefined
  /** How similarities become probabilities here; absent until `vel calibrate`. */
  readonly calibration?: Calibration | undefined
  /** The `k` entities nearest to `embedding` (L2-normalised), best first, each once: several vectors count by their best. */
  search: (space: Space, embedding: Float32Array, k: number) => Promise<Neighbour[]>
  /** Cosine of `embedding` to each entity's best vector in `space`, in order; NaN for an entity without one. */
  similarities: (space: Space, embedding: Float32Array, entities: readonly Entity[]) => Promise<Float32Array>
  /** The entity's own vectors in `space`, L2-normalised float32; none for an entity without. */
  vectors: (space: Space, entity: Pick<Entity, 'id'>) => Promise<Float32Array[]>
  /**
   * By how much others are more similar to the entity's faces than to people at large, cosine; null for an entity without
   * a face, and in an index with too few to tell.
   */
  usual: (entity: Pick<Entity, 'id'>) => Promise<number | null>
  entity: (id: string) => Entity | undefined
  close: () => Promise<void>
}

/** Results that replicas share. */
export interface LinkCache {
  readonly state: () => 'ready' | 'down'
  /** Null where it is not there or cannot be had in time; its mentions are without embeddings. */
  readonly get: (key: string) => Promise<LinkedImage | null>
  /** Never rejects. */
  readonly set: (key: string, linked: LinkedImage) => Promise<void>
  readonly close: () => Promise<void>
}

export type PartState = 'starting' | 'ready' | 'down'

/** Whether each part can serve: what `/health/ready` and `/metrics` tell. */
export interface Readiness {
  readonly ready: boolean
  readonly models: { readonly state: PartState, readonly list: readonly ModelInfo[] }
  readonly index: { readonly state: PartState, readonly info: IndexInfo | null }
  /** `off` without a cache; `down` makes the service slower, never unready. */
  readonly cache: { readonly state: 'off' | 'ready' | 'down' }
  /** Modes that the loaded models and index can serve. */
  readonly modes: readonly Mode[]
  readonly engine: {
    readonly workers: number
    readonly workersReady: number
    /** Images waiting for a worker, and how many may. */
    readonly queued: number
    readonly maxQueue: number
    /** Images in a worker's hands. */
    readonly running: number
  }
}

export interface EntityQuery {
  /** The beginning of a word of a name or an alias, case and accents aside; empty finds everyone. */
  readonly query: string
  readonly limit: number
  /** Id after which the page begins. */
  readonly after?: string | undefined
}

/** In the order of ids. `next`: id of the last one where there are more. */
export interface EntityPage { readonly entities: readonly Entity[], readonly next: string | null }

/** Changes of the knowledge base; each is durable, and seen by the next image, when its promise resolves. */
export interface KnowledgeBaseEditor {
  /** Creates or replaces the texts of an entity, and their vectors where the index has such. @throws VEL_ERR_BAD_OPTION, and what encoding throws */
  put: (id: string, given: Readonly<Record<string, unknown>>, signal?: AbortSignal) => Promise<{ entity: Entity, created: boolean }>
  /** Deletes an entity with its images for good. @throws VEL_ERR_NOT_FOUND */
  remove: (id: string) => Promise<void>
  /**
   * Adds a reference photo. The same photo again changes nothing.
   *
   * @returns its id: the first 16 hex digits of its sha256.
   * @throws VEL_ERR_NOT_FOUND, VEL_ERR_UNUSABLE_PHOTO, and what encoding throws
   */
  addImage: (id: string, bytes: Uint8Array, signal?: AbortSignal) => Promise<{ image: string, created: boolean }>
  /** @throws VEL_ERR_NOT_FOUND */
  removeImage: (id: string, image: string) => Promise<void>
  /** Swaps in the index folder as it is now. @throws VEL_ERR_RELOAD */
  reload: () => Promise<IndexInfo>
}

/** The whole service behind the HTTP edge: what one process needs to answer. */
export interface Linker {
  /** @throws VEL_ERR_OVERLOADED at once where the queue is full; `signal.reason` where it was aborted; what decoding throws. */
  readonly linkImage: LinkImage
  readonly entity: (id: string) => Entity | undefined
  /** Ids of an entity's reference photos, as far as they are known. */
  readonly images: (id: string) => readonly string[]
  readonly find: (query: EntityQuery) => Promise<EntityPage>
  readonly editor: KnowledgeBaseEditor
  readonly readiness: () => Readiness
  readonly close: () => Promise<void>
}
