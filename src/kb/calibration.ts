// The logistic model that turns similarities into probabilities: `vel calibrate` fits it, the index manifest keeps it, the
// decide stage applies it. Imports no other file, so that index and linking can share it.
import { z } from 'zod'

/** Features of a mention and its first candidate. Each is defined in link/features.ts. */
export const FEATURES = [
  'similarity', 'margin', 'crowd', 'usual', 'faceSize', 'sharpness', 'detectionScore', 'featureNorm', 'viewAgreement', 'landmarkSpread'
] as const
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
  /** Range of the values at calibration; values beyond it are clamped. */
  min: z.number(),
  max: z.number()
})

export const calibration = z.strictObject({
  /** Absent where `vel calibrate` fitted it to the index; `pack`: it came with the model pack. */
  source: z.literal('pack').optional(),
  intercept: z.number(),
  terms: z.array(term).min(1),
  /** Least probability at which a mention is linked; from `ambiguousFrom` up to it, the mention is ambiguous. */
  linkFrom: probability,
  ambiguousFrom: probability,
  /** False positive identification rate that `linkFrom` was chosen for: share of strangers that are linked. */
  targetFpir: probability,
  /** Entities in the index when it was calibrated. */
  entities: z.int().positive(),
  /** By cross-validation; all queries of a person are in one fold. */
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
