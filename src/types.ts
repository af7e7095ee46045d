// The nouns of the service. Imports nothing.
//
// Frame: unless a name says otherwise, coordinates are px of the EXIF-oriented original image, continuous, with the origin
// at its top left corner, x to the right and y down (the centre of the first pixel is 0.5, 0.5); x2 and y2 are exclusive.
// Left and right are sides of the image, not of the person.

/** A Wikidata item id such as `Q207`. */
export const ENTITY_ID = /^Q[1-9]\d{0,15}$/

/** The first 16 hex digits of the sha256 of a photo's bytes. */
export const IMAGE_ID = /^[0-9a-f]{16}$/

export interface Point { readonly x: number, readonly y: number }

export interface Box { readonly x1: number, readonly y1: number, readonly x2: number, readonly y2: number }

/** Five points: left eye, right eye, nose, left mouth corner, right mouth corner (image sides). */
export type Landmarks = readonly [Point, Point, Point, Point, Point]

/** Pixels: uint8 `[height, width, 3]`, RGB, sRGB. */
export interface Raster { readonly data: Uint8Array, readonly width: number, readonly height: number }

/** A detected face. `score` in 0..1. `landmarks` only from detectors that locate them. */
export interface Detection { readonly box: Box, readonly score: number, readonly landmarks?: Landmarks | undefined }

export interface Quality {
  /** Short side of the box, px of the original image. */
  readonly faceSizePx: number
  /** Mean squared Laplacian of the green channel in the middle of the aligned crop, in grey levels squared; small means blurred. */
  readonly sharpness: number
  /**
   * L2 norm of the encoder's output before normalisation, the smaller of its views; absent for an encoder that normalises
   * inside its graph. A small norm means a face of low quality.
   *
   * @see Meng et al. 2021, "MagFace"; Kim et al. 2022, "AdaFace": feature norm as quality
   */
  readonly featureNorm?: number | undefined
  /** Cosine of the embeddings of the two views of the face, -1..1; absent for a pack with one view. */
  readonly viewAgreement?: number | undefined
  /**
   * RMS distance of the landmarks, located in shifted and scaled copies of the box, from their mean, in sides of the box
   * (square root of its area). On a face the landmarks are stable; elsewhere they move with the box. Absent for a detector
   * that locates the landmarks itself.
   */
  readonly landmarkSpread?: number | undefined
}

/** A mention with its embeddings: the output of `encode/` and the input of `link/`. */
export interface EncodedMention {
  readonly box: Box
  readonly landmarks: Landmarks
  /** Score of the detector, 0..1; null for a box from the caller. */
  readonly detectionScore: number | null
  readonly quality: Quality
  /** L2-normalised float32 `[faceDims]`. */
  readonly face: Float32Array
  /** L2-normalised float32 `[clipDims]` of the context crop; only with `EncodeOptions.context`. */
  readonly context?: Float32Array | undefined
  /** Why the quality of the face is too low to link it, as part of a sentence; absent if it is not. */
  readonly lacks?: string | undefined
}

/** Degrees clockwise by which a picture is turned to make its faces upright. */
export type Turn = 0 | 90 | 180 | 270

/** Stages of the path, in order: the one list for `Server-Timing`, metric labels, log keys and names of files that are a stage. */
export const STAGES = ['decode', 'detect', 'align', 'embed', 'retrieve', 'rerank', 'decide'] as const

export type Stage = typeof STAGES[number]

/** Time of each stage that ran, ms. */
export type Timings = Partial<Record<Stage, number>>

export interface EncodedImage {
  /** Size of the EXIF-oriented original, px. */
  readonly width: number
  readonly height: number
  readonly mentions: readonly EncodedMention[]
  /** Number of faces before the cap (MAX_FACES); at least `mentions.length`. */
  readonly facesFound: number
  /** Number of detections that were rejected because they are no faces. */
  readonly facesRejected: number
  /** 0 unless no usable face was found upright. Boxes and landmarks are always px of the EXIF-oriented original. */
  readonly turnedBy: Turn
  readonly timings: Timings
}

export interface EncodeOptions {
  /** Boxes from the caller: each is a mention, in this order. A detector runs only to locate landmarks. */
  readonly boxes?: readonly Box[] | undefined
  /** Whether to embed the context crop of each mention with CLIP too. */
  readonly context?: boolean | undefined
}

/** From the bytes of an image file to mentions with embeddings: decode, detect, align, embed. */
export interface MentionEncoder {
  encode: (bytes: Uint8Array, options?: EncodeOptions, signal?: AbortSignal) => Promise<EncodedImage>
  close: () => Promise<void>
}

/** A person of the knowledge base. `id` is a Wikidata item id such as `Q207`. */
export interface Entity {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly aliases: readonly string[]
  /** Years of birth and death, where they are known; before 1 they are negative. */
  readonly birthYear?: number | undefined
  readonly deathYear?: number | undefined
}

/** Which embeddings are compared: V2V of Sun et al. 2022 uses faces, V2T uses texts. */
export type Modality = 'face' | 'text'

/** The embedding spaces of an index: faces, and texts of two kinds (CLIP_N and CLIP_N_D of the paper). */
export const SPACES = ['face', 'name', 'name_description'] as const

export type Space = typeof SPACES[number]

export const TEXT_SPACES = ['name', 'name_description'] as const satisfies readonly Space[]

export type TextSpace = typeof TEXT_SPACES[number]

/** One embedding for each text field, L2-normalised float32 `[clipDims]`. */
export type TextEmbeddings = { readonly [S in TextSpace]?: Float32Array }

/** Embeds the texts of an entity in the same way as `vel kb build`. */
export type EmbedEntity = (
  entity: Pick<Entity, 'name' | 'description'>, fields: readonly TextSpace[], signal?: AbortSignal
) => Promise<TextEmbeddings>

/** An entity with its similarity (cosine, -1..1) to one query embedding. */
export interface Neighbour { readonly entity: Entity, readonly similarity: number }

export interface Candidate {
  /** 1 is best. */
  readonly rank: number
  readonly entity: Entity
  /** Sort key; its scale depends on mode and order. */
  readonly score: number
  /** Cosine of each modality that was compared, -1..1. */
  readonly similarity: { readonly [M in Modality]?: number }
}

export type LinkStatus = 'linked' | 'ambiguous' | 'nil'

/**
 * Why a mention is not linked. `quality`: the quality of the face is too low. `threshold`: the first candidate is not good
 * enough. `duplicate`: another mention of the picture is linked to that entity. `noCandidate`: the index returned none.
 * `noFaceCompared`: the first candidate has no similarity by face, on which the decision depends.
 */
export const NIL_REASONS = ['quality', 'threshold', 'duplicate', 'noCandidate', 'noFaceCompared'] as const

export type NilReason = typeof NIL_REASONS[number]

export interface Link {
  readonly mention: EncodedMention
  readonly status: LinkStatus
  readonly entity: Entity | null
  /** Present if `status` is `nil`. */
  readonly nilReason?: NilReason | undefined
  /** Calibrated probability that the first candidate is right, 0..1; absent without a calibration for the mode. */
  readonly probability?: number | undefined
  readonly candidates: readonly Candidate[]
  /** What speaks for the first candidate; present where the request said more than the photo. */
  readonly evidence?: Evidence | undefined
}

/** Parts of the log odds that the first candidate is right, natural logarithm; their sum is the logit of `Link.probability`. */
export interface Evidence {
  /** The face alone, with every entity of the index equally likely before. */
  readonly face: number
  /** Names in the caption, with the cues beside them. */
  readonly caption: number
  readonly shortlist: number
  /** The day of the photo against the years of the person's life: at most 0. */
  readonly date: number
  /** In words. */
  readonly because: string
}

export const MODES = ['v2v', 'v2t', 'v2vt'] as const

export type Mode = typeof MODES[number]

export const ORDERS = ['face-text', 'text-face', 'fusion'] as const

export type Order = typeof ORDERS[number]

export interface LinkOptions {
  readonly mode?: Mode | undefined
  readonly order?: Order | undefined
  /** Candidates of the first modality that the second rescores; for `fusion`, candidates taken from each modality. */
  readonly rerankK?: number | undefined
  /** Candidates returned for each mention. */
  readonly topK?: number | undefined
  readonly boxes?: readonly Box[] | undefined
  /** The text that comes with the photo. */
  readonly caption?: string | undefined
  /** Ids or names of people who may be in the photo. */
  readonly entities?: readonly string[] | undefined
  /** `prefer`: people of `entities` are more likely. `only`: nobody else is linked. */
  readonly entitiesMode?: EntitiesMode | undefined
  /** When the photo was taken: an ISO 8601 date or its beginning, from the year on. */
  readonly takenAt?: string | undefined
}

export const ENTITIES_MODES = ['prefer', 'only'] as const

export type EntitiesMode = typeof ENTITIES_MODES[number]

/** A name in a caption. */
export interface CaptionName {
  readonly text: string
  /** Range in the caption, UTF-16 units; `end` is exclusive. */
  readonly start: number
  readonly end: number
  /** Entities that bear the name. */
  readonly candidates: readonly Entity[]
  /** Index of the mention that is linked to one of them; null where none is. */
  readonly mention: number | null
}

/** What became of the text, the shortlist and the date that came with a photo. */
export interface Hints {
  /** Whether the decision used them; if not, `reason` says why. */
  readonly applied: boolean
  readonly reason?: string | undefined
  /** Names in the caption, in their order; absent without a caption. */
  readonly names?: readonly CaptionName[] | undefined
  /** What `entities` named; absent without. */
  readonly shortlist?: Shortlist | undefined
}

export interface Shortlist {
  readonly entities: readonly Entity[]
  /** Ids and names that the index does not have. */
  readonly unknown: readonly string[]
  /** Entities without a reference face. */
  readonly withoutFace: readonly Entity[]
}

/** A loaded model. `provider`: the execution provider that runs it, after any fallback, such as `cpu` or `cuda`. */
export interface ModelInfo { readonly role: string, readonly name: string, readonly sha256: string, readonly provider: string }

export interface IndexInfo { readonly name: string, readonly version: string, readonly entities: number }

export interface LinkedImage {
  readonly width: number
  readonly height: number
  readonly links: readonly Link[]
  readonly facesFound: number
  readonly facesRejected: number
  readonly turnedBy: Turn
  /** Present where the request said more than the photo. */
  readonly hints?: Hints | undefined
  readonly index: IndexInfo
  readonly models: readonly ModelInfo[]
  readonly timings: Timings
}

/** The whole path: from the bytes of an image file to links. */
export type LinkImage = (bytes: Uint8Array, options: LinkOptions, signal?: AbortSignal) => Promise<LinkedImage>
