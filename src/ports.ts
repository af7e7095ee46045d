// The ports between the pipeline and the models that serve it: a stage asks a port, a file of models/ implements it.
import type { Box, Detection, Landmarks, Raster } from './types.ts'
import type { Pyramid } from './math/pyramid.ts'

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
  /** One L2-normalised float32 `[dims]` a crop, in order; crops are uint8 RGB of the encoder's input size. */
  encode: (crops: readonly Raster[]) => Promise<Float32Array[]>
}
