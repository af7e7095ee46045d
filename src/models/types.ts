// The interface of each kind of model. The files of detectors/ and encoders/ implement them.
import type { Box, Detection, Entity, Landmarks, Quality, Raster, TextSpace } from '../types.ts'
import type { Pyramid } from '../image/pyramid.ts'
import type { JudgedModels } from '../packs/evidence.ts'
import type { CropManifest, ModelInput } from '../packs/manifest.ts'
import type { ResizeBicubic } from '../image/bicubic.ts'

/** Finds faces in a picture of any size. */
export interface FaceDetector {
  /** Whether its detections carry landmarks. */
  readonly locatesLandmarks: boolean
  /** Faces in px of the original; may contain one face more than once. */
  detect: (pyramid: Pyramid) => Promise<Detection[]>
  /** Whether a face is detected again in frames centred on `box`, px of the original; absent for a detector without frames. */
  confirm?: ((pyramid: Pyramid, box: Box) => Promise<boolean>) | undefined
}

/** Landmarks with their spread: see `Quality.landmarkSpread`. */
export interface LocatedLandmarks { readonly landmarks: Landmarks, readonly spread: number }

/** An L2-normalised float32 `[dims]` embedding with the quality that the encoder computes. */
export interface FaceEmbedding extends Pick<Quality, 'featureNorm' | 'viewAgreement'> { readonly embedding: Float32Array }

/** Locates landmarks in boxes, for detectors without landmarks. */
export interface LandmarkLocator {
  /** Landmarks of each box, in order, px of the original. */
  locate: (pyramid: Pyramid, boxes: readonly Box[]) => Promise<LocatedLandmarks[]>
}

export interface FaceEncoder {
  readonly dims: number
  /** Largest batch of the graph; 1 (the default) where its batch is fixed. */
  readonly maxBatch?: number | undefined
  /** Embedding of each crop, in order; crops are uint8 RGB of the encoder's input size. */
  encode: (crops: readonly Raster[]) => Promise<FaceEmbedding[]>
}

/** The image half of CLIP. */
export interface ClipImageEncoder {
  readonly dims: number
  /** Embedding of each crop, in order, L2-normalised float32 `[dims]`; crops are uint8 RGB of the encoder's input size. */
  encode: (crops: readonly Raster[]) => Promise<Float32Array[]>
}

/** The text half of CLIP. */
export interface ClipTextEncoder {
  readonly dims: number
  /** The text to embed for an entity: its name (CLIP_N), or its name and description (CLIP_N_D), in the prompt of the pack. */
  prompt: (entity: Pick<Entity, 'name' | 'description'>, field: TextSpace) => string
  /** Embedding of each text, in order, L2-normalised float32 `[dims]`; a text longer than the context of the encoder is truncated. */
  encode: (texts: readonly string[]) => Promise<Float32Array[]>
}

/** The models of a pack that encode an image. */
export interface EncodingModels {
  readonly detector: FaceDetector
  /** Null where the detector locates landmarks itself. */
  readonly landmarks: LandmarkLocator | null
  readonly face: FaceEncoder
  /** How the crop of the face encoder is aligned. */
  readonly crop: CropManifest
  /** Input of the face encoder. */
  readonly input: ModelInput
  /** Limits of the pack on the quality of a face. */
  readonly judged: JudgedModels
  /** Absent in a pack without a CLIP image encoder. */
  readonly clip?: ContextModel | undefined
}

/** The context of a mention: its box, both sides multiplied by a factor, or the whole picture. */
export type ContextRegion = number | 'image'

export interface ContextModel {
  readonly encoder: ClipImageEncoder
  readonly context: ContextRegion
  readonly input: ModelInput
  readonly resize: ResizeBicubic
}
