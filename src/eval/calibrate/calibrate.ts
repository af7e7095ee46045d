// Fits the probability that the first candidate is right, and the threshold from which it is linked.
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import type { Calibration, CalibrationTerm, FeatureName, Features, PairModel } from '../../kb/calibration.ts'
import { groupBy } from '../../group-by.ts'
import { errors } from '../../errors.ts'
import { logistic, logOdds } from '../../link/probability.ts'
import { expectedCalibrationError, reliabilityBins, type ReliabilityBin } from '../metrics/calibration-error.ts'
import { fitLogistic } from './logistic.ts'
import type { Shown } from '../../link/hints/priors.ts'
import { choosePairs, type PairSample } from './pairs.ts'
import { openSetCurve, pointAtFpir } from '../metrics/open-set.ts'

/** One query: features and outcome. */
export interface Sample {
  /** All samples of a person are in one fold. Each photo of a stranger is a person, with a sample for each of its mentions. */
  readonly person: string
  readonly stranger: boolean
  /** Null where no face was found: not fitted, but counted as missed. */
  readonly features: Features | null
  /** Whether the first candidate is right; false for a stranger. */
  readonly right: boolean
}

export interface CalibrateOptions {
  readonly targetFpir: number
  /** In the index now. */
  readonly entities: number
  /** Learn on features that do not depend on the gallery, for a calibration that comes with a model pack. */
  readonly portable?: boolean
  /** Of the same queries, for the likelihood ratio of two faces; without them captions do not decide. */
  readonly pairs?: readonly PairSample[]
  /** Of captions in the query files. */
  readonly shown?: Shown | undefined
  /** Of the model pack, for queries with few pairs. */
  readonly packPairs?: PairModel | undefined
  readonly folds?: number
  readonly seed?: number
}

export interface CalibrationReport {
  readonly calibration: Calibration
  readonly bins: readonly ReliabilityBin[]
  /** Sets of features that were compared, and their cross-validated log loss; the last is the chosen one. */
  readonly tried: ReadonlyArray<{ readonly features: readonly FeatureName[], readonly logLoss: number }>
}

/** Always used; the optional ones only where they lower the loss. */
const ALWAYS: readonly FeatureName[] = ['similarity', 'margin', 'usual']
const OPTIONAL: readonly FeatureName[] = [
  'crowd', 'faceSize', 'sharpness', 'detectionScore', 'featureNorm', 'viewAgreement', 'landmarkSpread'
]
/** The features of a calibration for any gallery: of the face and its best similarity alone. */
const PORTABLE = {
  always: ['similarity'],
  optional: ['featureNorm', 'viewAgreement', 'landmarkSpread', 'faceSize', 'sharpness', 'detectionScore']
} as const

/** Below this probability a first candidate is more likely wrong than right. */
const LIKELY = 0.5

/** @throws VEL_ERR_INPUT where there are too few members or strangers to learn from. */
export function calibrate (
  samples: readonly Sample[],
  { targetFpir, entities, portable = false, pairs = [], packPairs, shown, folds = 10, seed = 1 }: CalibrateOptions
): CalibrationReport {
  checkEnough(samples, targetFpir, folds)
  const foldOf = assignFolds(samples, folds, seed)
  const tried: Array<{ features: FeatureName[], logLoss: number }> = []
  const attempt = (features: FeatureName[]): { features: FeatureName[], odds: number[], losses: number[] } => {
    const odds = crossValidate(samples, features, foldOf, folds)
    const losses = samples.flatMap((s, i) => s.features === null ? [] : [Math.log1p(Math.exp(s.right ? -odds[i]! : odds[i]!))])
    tried.push({ features, logLoss: mean(losses) })
    return { features, odds, losses }
  }
  const { always, optional } = portable ? PORTABLE : { always: ALWAYS, optional: OPTIONAL }
  let best = attempt([...always])
  for (const feature of optional) {
    const more = attempt([...best.features, feature])
    if (clearlyLess(more.losses, best.losses)) best = more
  }
  tried.push({ features: best.features, logLoss: mean(best.losses) })
  const judged = samples.flatMap((s, i) => s.features === null ? [] : [{ probability: logistic(best.odds[i]!), right: s.right }])
  const score = (i: number): number => samples[i]!.features === null ? -Infinity : logistic(best.odds[i]!)
  const indices = samples.map((_, i) => i)
  const members = indices.filter(i => !samples[i]!.stranger)
  const strangers = indices.filter(i => samples[i]!.stranger)
  const photos = groupBy(strangers, i => samples[i]!.person)
  const point = pointAtFpir(
    openSetCurve(
      members.map(i => ({ score: score(i), right: samples[i]!.right })),
      photos.map(of => Math.max(...of.map(score)))
    ),
    targetFpir
  )
  const linkFrom = Math.min(1, point.threshold)
  const pairModel = choosePairs(pairs, packPairs)
  const calibration: Calibration = {
    ...fitTerms(samples, best.features),
    linkFrom,
    ambiguousFrom: Math.min(LIKELY, linkFrom),
    targetFpir,
    entities,
    ...(pairModel !== undefined && { pairs: pairModel }),
    ...(shown !== undefined && { shown }),
    measured: {
      queries: members.length,
      persons: new Set(members.map(i => samples[i]!.person)).size,
      strangers: photos.length,
      folds,
      ece: expectedCalibrationError(judged),
      fpir: point.fpir,
      tpir: point.tpir,
      created: new Date().toISOString()
    }
  }
  return { calibration, bins: reliabilityBins(judged), tried }
}

function checkEnough (samples: readonly Sample[], targetFpir: number, folds: number): void {
  if (!(targetFpir > 0 && targetFpir < 1)) throw errors.input('a target FPIR between 0 and 1, such as 0.01', String(targetFpir))
  const faces = samples.filter(s => s.features !== null)
  const persons = new Set(faces.filter(s => !s.stranger).map(s => s.person)).size
  const strangers = new Set(faces.filter(s => s.stranger).map(s => s.person)).size
  const needed = Math.max(folds, Math.ceil(1 / targetFpir))
  if (persons < folds) throw errors.input(`queries of at least ${folds} people of the index`, `${persons}; add query files`)
  if (strangers < needed) {
    throw errors.input(
      `at least ${needed} strangers for a target FPIR of ${targetFpir}`,
      `${strangers}; add --strangers files or raise --target-fpir`
    )
  }
  if (!faces.some(s => s.right)) {
    throw errors.input('queries whose first candidate is right', 'none: the index or the model pack does not fit the queries')
  }
}

/** Fold of each person: shuffled, then assigned in turn. */
export function assignFolds (samples: readonly Sample[], folds: number, seed: number): Map<string, number> {
  const persons = [...new Set(samples.map(s => s.person))]
  const random = xoroshiro128plus(seed)
  for (let i = persons.length - 1; i > 0; i--) {
    const j = uniformInt(random, 0, i)
    const swapped = persons[i]!
    persons[i] = persons[j]!
    persons[j] = swapped
  }
  return new Map(persons.map((person, i) => [person, i % folds]))
}

/** Log odds of each sample by the model fitted without its fold; NaN without a face. */
export function crossValidate (
  samples: readonly Sample[],
  features: readonly FeatureName[],
  foldOf: ReadonlyMap<string, number>,
  folds: number
): number[] {
  const models = Array.from({ length: folds }, (_, fold) =>
    fitTerms(
      samples.filter(s => foldOf.get(s.person) !== fold),
      features
    )
  )
  return samples.map(s => s.features === null ? NaN : logOdds(s.features, models[foldOf.get(s.person)!]!))
}

/** Standardises each feature over the samples that have it, and fits. A constant feature is left out. */
function fitTerms (samples: readonly Sample[], names: readonly FeatureName[]): Pick<Calibration, 'intercept' | 'terms'> {
  const faces = samples.filter(s => s.features !== null)
  const unweighted = names.flatMap((feature): CalibrationTerm[] => {
    const values = faces.flatMap(s => s.features![feature] ?? [])
    const m = mean(values)
    const scale = Math.sqrt(mean(values.map(v => (v - m) ** 2)))
    return scale > 0 ? [{ feature, weight: 1, mean: m, scale, min: Math.min(...values), max: Math.max(...values) }] : []
  })
  const rows = faces.map(s => unweighted.map(term => logOdds(s.features!, { intercept: 0, terms: [term] })))
  const { intercept, weights } = fitLogistic(rows, faces.map(s => s.right))
  return { intercept, terms: unweighted.map((term, i) => ({ ...term, weight: weights[i]! })) }
}

/** Whether the mean loss is lower by more than one standard error of the paired difference. */
function clearlyLess (losses: readonly number[], than: readonly number[]): boolean {
  const gains = losses.map((loss, i) => than[i]! - loss)
  const gain = mean(gains)
  const error = Math.sqrt(mean(gains.map(g => (g - gain) ** 2)) / gains.length)
  return gain > error
}

function mean (values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length
}
