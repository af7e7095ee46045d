// How similarities become probabilities: what `vel calibrate` learns, the index manifest keeps, and the decide stage
// uses. Imports nothing of the project, so that index and linking can share it.
import { z } from 'zod'

/** What is known of a mention and its first candidate when it is decided. Each is defined in link/features.ts. */
export const FEATURES = ['similarity', 'margin', 'crowd', 'usual', 'faceSize', 'sharpness', 'detectionScore', 'featureNorm', 'viewAgreement', 'landmarkSpread'] as const
export type FeatureName = typeof FEATURES[number]

/** Null: not known for this mention, such as a detection score where the box was given. */
export type Features = { readonly [F in FeatureName]: number | null }

const probability = z.number().min(0).max(1)

/** One term of the logistic model: `weight * (clamp(value, min, max) - mean) / scale`; 0 where the value is null. */
const term = z.strictObject({
  feature: z.enum(FEATURES),
  weight: z.number(),
  mean: z.number(),
  scale: z.number().positive(),
  /** Range seen at calibration: nothing is known beyond it. */
  min: z.number(),
  max: z.number()
})

export const calibration = z.strictObject({
  intercept: z.number(),
  terms: z.array(term).min(1),
  /** From this probability on a mention is linked, and from `ambiguousFrom` on it is ambiguous. */
  linkFrom: probability,
  ambiguousFrom: probability,
  /** Share of strangers that may be linked, which `linkFrom` was chosen for. */
  targetFpir: probability,
  /** Entities in the index when it was calibrated. */
  entities: z.int().positive(),
  /** On folds that the model had not seen; persons were kept together. */
  measured: z.strictObject({
    queries: z.int().nonnegative(),
    persons: z.int().nonnegative(),
    strangers: z.int().nonnegative(),
    folds: z.int().min(2),
    ece: probability,
    fpir: probability,
    tpir: probability,
    created: z.iso.datetime()
  })
})

export type Calibration = z.infer<typeof calibration>
export type CalibrationTerm = Calibration['terms'][number]
