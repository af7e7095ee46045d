// The logistic model that turns similarities into probabilities: `vel calibrate` fits it, the index manifest keeps it, the
// decide stage applies it. Imports no other room but captions, so that index and linking can share it.
import { z } from 'zod'
import { NAME_KINDS } from '../captions/name-forms.ts'

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

/**
 * Log likelihood ratio that two faces are of one person and not of two, natural logarithm:
 * `intercept + similarity * cosine + cohortMean * cohort mean of the entity`. It compares a mention with an entity that the
 * request names, where the probability above judges the best of all entities.
 *
 * @see Brümmer & du Preez 2006, "Application-independent evaluation of speaker detection"
 */
const pairModel = z.strictObject({
  intercept: z.number(),
  similarity: z.number(),
  cohortMean: z.number(),
  /** Least ratio at which a named entity is linked: `measured.falseMatchRate` of the pairs of two people reach it. */
  linkFrom: z.number(),
  measured: z.strictObject({
    genuine: z.int().nonnegative(),
    impostor: z.int().nonnegative(),
    falseMatchRate: probability,
    trueMatchRate: probability
  })
})
export type PairModel = z.infer<typeof pairModel>

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
  /** Absent in calibrations of before: then captions and shortlists do not decide. */
  pairs: pairModel.optional(),
  /** Share of the people named in a caption who are in the picture, by how they are named; learnt from captions in query files. */
  shown: z.partialRecord(z.enum(NAME_KINDS), probability).optional(),
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
