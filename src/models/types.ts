// What each kind of model does, whatever its decoder. The files of detectors/ and encoders/ implement these.
import type { Box, Detection, Entity, Landmarks, Raster, TextSpace } from '../types.ts'
import type { Pyramid } from '../image/pyramid.ts'
import type { CropManifest, ModelInput } from '../packs/manifest.ts'
import type { ResizeBicubic } from '../image/bicubic.ts'

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

export interface EncodingModels {
  readonly detector: FaceDetector
  /** For detectors that give boxes only. */
  readonly landmarks: LandmarkLocator | null
  readonly face: FaceEncoder
  readonly crop: CropManifest
  readonly input: ModelInput
  /** Absent where the pack has no CLIP image encoder. */
  readonly clip?: ContextModel | undefined
}

/** Where the context is taken from: a factor by which the mention's box is widened, or the whole picture. */
export type ContextRegion = number | 'image'

export interface ContextModel { readonly encoder: ClipImageEncoder, readonly context: ContextRegion, readonly input: ModelInput, readonly resize: ResizeBicubic }
