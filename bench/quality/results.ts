// Measures one model pack on the dev sets: all its figures in RESULTS.md.
import type { KnowledgeBase } from '../../src/kb/types.ts'
import type { MentionEncoder } from '../../src/types.ts'
import { calibrate, type CalibrateOptions, type CalibrationReport, type Sample } from '../../src/eval/calibrate/calibrate.ts'
import { collectPairs } from '../../src/eval/calibrate/pairs.ts'
import { collectSamples } from '../../src/eval/calibrate/collect-samples.ts'
import type { EncodedQueries, EncodedQuery } from '../../src/eval/data/encode-queries.ts'
import { evaluate } from '../../src/eval/evaluate.ts'
import type { PhotoCache } from '../../src/eval/data/photo-cache.ts'
import type { Report, ReportInput, RowReport } from '../../src/eval/report/report.ts'
import { measureWild, type WildResults } from './wild.ts'
import { shrinkFaces, SMALL_FACES } from './small-faces.ts'
import { ablateFeatures, ablateNormalisation, measureGrowth } from './ablations.ts'
import type { FeatureAblation, GrowthResult, NormalisationAblation } from './ablations.ts'

/** The searched index. */
export interface Gallery { readonly people: number, readonly photos: number, readonly search: string }

export interface PackResults {
  readonly pack: string
  readonly models: string
  /** Of the face encoder. */
  readonly recipe: string
  readonly gallery: Gallery
  readonly report: Report
  readonly calibration: CalibrationReport
  /** For any gallery: features of the face and of its best similarity alone. */
  readonly portable: CalibrationReport
  readonly wild: WildResults
  readonly features: readonly FeatureAblation[]
  readonly normalisation: readonly NormalisationAblation[]
  readonly growth: readonly GrowthResult[]
  /** First rows by the short side of the face, px; null is the photo as it is. */
  readonly smallFaces: ReadonlyArray<{ readonly sizePx: number | null, readonly row: RowReport }>
}

export interface ResultsInput {
  readonly pack: string
  readonly models: string
  readonly recipe: string
  readonly gallery: Gallery
  readonly kb: KnowledgeBase
  readonly encoder: MentionEncoder
  readonly encoded: EncodedQueries
  readonly wild: EncodedQueries
  readonly counts: ReportInput['counts']
  readonly cache: PhotoCache | null
  readonly concurrency: number
  readonly onStage: (stage: string) => void
}

/** Shares of the people in the index that is calibrated, before it grows. */
const GROWTH_FROM = [0.25, 0.5, 0.75]

/** The decisions in the report are those of an index that carries the calibration. */
export async function measurePack ({
  pack,
  models,
  recipe,
  gallery,
  kb,
  encoder,
  encoded,
  wild,
  counts,
  cache,
  concurrency,
  onStage
}: ResultsInput): Promise<PackResults> {
  onStage('features')
  const { chosen, samples, options, calibration, portable } = await calibrateBoth(kb, encoded, wild)
  const ranked = async (of: KnowledgeBase, answers: readonly EncodedQuery[]): Promise<Report> =>
    await evaluate(of, { ...encoded, answers }, { counts, models }, { clip: false, sweeps: false })
  onStage('ranking')
  // NOTE: open-set figures of the report are by score; those by probability come from the folds of the calibration.
  const plain = await ranked(kb, encoded.answers)
  const threshold = plain.openSet.find(({ fpir }) => fpir === options.targetFpir)?.threshold ?? null
  onStage('in the wild')
  const inTheWild = await measureWild(calibrated(kb, calibrate(chosen, options)), wild, threshold)
  const { decisions } = await ranked(calibrated(kb, calibration), encoded.answers)
  const smallFaces: Array<PackResults['smallFaces'][number]> = [{ sizePx: null, row: plain.rows[0]! }]
  for (const size of SMALL_FACES) {
    onStage(`faces of ${size} px`)
    const members = encoded.answers.filter(a => a.query.entityId !== null)
    smallFaces.push({ sizePx: size, row: (await ranked(kb, await shrinkFaces(members, size, encoder, cache, concurrency))).rows[0]! })
  }
  onStage('normalisation')
  const normalisation = await ablateNormalisation(kb, encoded, counts.files)
  onStage('growth')
  const growth: GrowthResult[] = []
  for (const share of GROWTH_FROM) growth.push(await measureGrowth(kb, encoded.answers, share))
  return {
    pack,
    models,
    recipe,
    gallery,
    report: { ...plain, decisions },
    calibration,
    portable,
    wild: inTheWild,
    features: ablateFeatures(samples, calibration.tried.at(-1)!.features),
    normalisation,
    growth,
    smallFaces
  }
}

export interface Calibrations {
  /** Of the dev sets; with those of photos that nobody chose. */
  readonly chosen: readonly Sample[]
  readonly samples: readonly Sample[]
  readonly options: CalibrateOptions
  readonly calibration: CalibrationReport
  readonly portable: CalibrationReport
}

/** A calibration of this gallery, and one for any. */
export async function calibrateBoth (kb: KnowledgeBase, encoded: EncodedQueries, wild: EncodedQueries): Promise<Calibrations> {
  const chosen = await collectSamples(kb, encoded.answers)
  const samples = [...chosen, ...await collectSamples(kb, wild.answers)]
  const pairs = [...await collectPairs(kb, encoded.answers), ...await collectPairs(kb, wild.answers)]
  const options = { targetFpir: 0.01, entities: kb.info.entities, pairs }
  const portable = calibrate(samples, { ...options, portable: true })
  return { chosen, samples, options, calibration: calibrate(samples, options), portable }
}

export function calibrated (kb: KnowledgeBase, { calibration }: CalibrationReport): KnowledgeBase {
  return { ...kb, calibration, close: async () => {} }
}
