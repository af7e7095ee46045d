// Ablations behind the choices made: features of the probability, score normalisation, growth of a calibrated index.
import type { FeatureName } from '../../src/kb/calibration.ts'
import { DECIDE_TOP_K } from '../../src/link/features.ts'
import { znorm, ZNORM_WEIGHT } from '../../src/link/znorm.ts'
import { logistic, probability } from '../../src/link/probability.ts'
import { retrieve } from '../../src/link/retrieve.ts'
import { groupBy } from '../../src/group-by.ts'
import type { KnowledgeBase } from '../../src/kb/types.ts'
import type { Entity } from '../../src/types.ts'
import { cohortMeans } from '../../src/kb/search/cohort.ts'
import { tableOf } from '../../src/kb/search/vector-table.ts'
import { expectedCalibrationError } from '../../src/eval/metrics/calibration-error.ts'
import { assignFolds, calibrate, crossValidate, type Sample } from '../../src/eval/calibrate/calibrate.ts'
import { collectSamples } from '../../src/eval/calibrate/collect-samples.ts'
import type { EncodedQueries, EncodedQuery } from '../../src/eval/data/encode-queries.ts'
import { FPIR_TARGETS, openSetCurve, pointAtFpir } from '../../src/eval/metrics/open-set.ts'
import { buildReport, type Answer } from '../../src/eval/report/report.ts'

export interface FeatureAblation {
  readonly features: readonly FeatureName[]
  readonly logLoss: number
  readonly ece: number
  /** At each of FPIR_TARGETS. */
  readonly tpir: readonly number[]
}

const SETS: ReadonlyArray<readonly FeatureName[]> = [
  ['similarity'],
  ['similarity', 'margin'],
  ['similarity', 'usual'],
  ['similarity', 'margin', 'usual'],
  ['similarity', 'margin', 'usual', 'crowd'],
  ['similarity', 'margin', 'usual', 'faceSize'],
  ['similarity', 'margin', 'usual', 'sharpness'],
  ['similarity', 'margin', 'usual', 'detectionScore'],
  ['similarity', 'margin', 'usual', 'featureNorm'],
  ['similarity', 'margin', 'usual', 'viewAgreement'],
  ['similarity', 'margin', 'usual', 'landmarkSpread']
]

/** Measures each set of features by the cross-validation of `calibrate`. @param chosen set that is measured too. */
export function ablateFeatures (samples: readonly Sample[], chosen: readonly FeatureName[] = [], folds = 10, seed = 1): FeatureAblation[] {
  const foldOf = assignFolds(samples, folds, seed)
  const sets = chosen.length === 0 || SETS.some(set => set.join() === chosen.join()) ? SETS : [...SETS, chosen]
  return sets.map(features => {
    const odds = crossValidate(samples, features, foldOf, folds)
    const faces = samples.map((sample, i) => ({ sample, odds: odds[i]! })).filter(f => f.sample.features !== null)
    const score = (i: number): number => samples[i]!.features === null ? -Infinity : odds[i]!
    const mated = samples.flatMap((s, i) => s.stranger ? [] : [{ score: score(i), right: s.right }])
    const strangers = groupBy(samples.flatMap((s, i) => s.stranger ? [{ person: s.person, score: score(i) }] : []), s => s.person)
    const curve = openSetCurve(mated, strangers.map(photo => Math.max(...photo.map(s => s.score))))
    return {
      features,
      logLoss: faces.reduce((sum, f) => sum + Math.log1p(Math.exp(f.sample.right ? -f.odds : f.odds)), 0) / faces.length,
      ece: expectedCalibrationError(faces.map(f => ({ probability: logistic(f.odds), right: f.sample.right }))),
      tpir: FPIR_TARGETS.map(target => pointAtFpir(curve, target).tpir)
    }
  })
}

export interface NormalisationAblation {
  readonly weight: number
  /** Recall@1 per person, by query file. */
  readonly sets: ReadonlyArray<{ readonly file: string, readonly recall: number }>
  /** At each of FPIR_TARGETS, by score. */
  readonly tpir: readonly number[]
}

/** Weights around the one in use; 0 ranks by similarity alone. */
const WEIGHTS = [0, 0.3, ZNORM_WEIGHT, 0.7, 1]

/** Ranks by face with other weights of the cohort mean. */
export async function ablateNormalisation (
  kb: KnowledgeBase,
  { answers }: Pick<EncodedQueries, 'answers'>,
  files: readonly string[]
): Promise<NormalisationAblation[]> {
  const results: NormalisationAblation[] = []
  for (const weight of WEIGHTS) {
    const ranked: Answer[] = []
    for (const { query, mention } of answers) {
      const found =
        mention === null
          ? []
          : await znorm(kb, await retrieve(kb, { modality: 'face', space: 'face', embedding: mention.face }, DECIDE_TOP_K), weight)
      ranked.push({
        query,
        inIndex: query.entityId !== null && kb.entity(query.entityId) !== undefined,
        ranking: found.map(({ entity, score }) => ({ id: entity.id, score }))
      })
    }
    const { sets, openSet } = buildReport({
      index: kb.info,
      models: '',
      counts: { files, noFace: 0, unreadable: 0, missingPhotos: 0, duplicates: 0, broken: 0 },
      rows: [{ name: 'V2V', answers: ranked }]
    })
    results.push({
      weight,
      sets: sets.map(set => ({ file: set.name, recall: set.perPerson.recall[1] })),
      tpir: openSet.map(point => point.tpir)
    })
  }
  return results
}

export interface GrowthResult {
  readonly entitiesBefore: number
  readonly entitiesAfter: number
  /** Of strangers and of members that the calibration had not seen, in the grown index. */
  readonly fpir: number
  readonly tpir: number
  readonly ece: number
}

/** Calibrates on half of the people in a part of the index, and tests on the other half in the whole index. */
export async function measureGrowth (
  kb: KnowledgeBase,
  answers: readonly EncodedQuery[],
  share: number,
  targetFpir = 0.01
): Promise<GrowthResult> {
  const asked = new Set(answers.flatMap(a => a.query.entityId ?? []))
  const everyone = await peopleOf(kb, answers)
  const part = await partOf(
    kb,
    everyone.filter(({ id }) => asked.has(id) || positionOf(id) < share)
  )
  const [before, after] = [await collectSamples(part, answers), await collectSamples(kb, answers)]
  const halves = assignFolds(before, 2, 1)
  const { calibration } = calibrate(
    before.filter(s => halves.get(s.person) === 0),
    { targetFpir, entities: part.info.entities }
  )
  const judged = after
    .filter(s => halves.get(s.person) === 1)
    .map(s => ({ ...s, probability: s.features === null ? 0 : probability(s.features, calibration, everyone.length) }))
  const rate = (of: typeof judged, which: (s: (typeof judged)[number]) => boolean): number => of.filter(which).length / of.length
  const photos = groupBy(judged.filter(s => s.stranger), s => s.person)
  return {
    entitiesBefore: part.info.entities,
    entitiesAfter: everyone.length,
    fpir: photos.filter(photo => photo.some(s => s.probability >= calibration.linkFrom)).length / photos.length,
    tpir: rate(
      judged.filter(s => !s.stranger),
      s => s.right && s.probability >= calibration.linkFrom
    ),
    ece: expectedCalibrationError(judged.filter(s => s.features !== null))
  }
}

/** A reproducible number in 0..1 per id, evenly distributed. @see Knuth, TAOCP 3, 6.4: Fibonacci hashing */
function positionOf (id: string): number {
  return (Number(id.slice(1)) * 0.6180339887498949) % 1
}

/** Entities with a face: those that a search by face returns. */
async function peopleOf (kb: KnowledgeBase, answers: readonly EncodedQuery[]): Promise<Entity[]> {
  const face = answers.find(a => a.mention !== null)?.mention?.face
  return face === undefined ? [] : (await kb.search('face', face, kb.info.entities)).map(n => n.entity)
}

/** The index restricted to these people, as if built from them. Searches read the whole ranking: for measurements only. */
async function partOf (kb: KnowledgeBase, people: readonly Entity[]): Promise<KnowledgeBase> {
  const rowOf = new Map(people.map(({ id }, row) => [id, row]))
  const faces = await Promise.all(people.map(async entity => await kb.vectors('face', entity)))
  const rows = Uint32Array.from(faces.flatMap((own, row) => own.map(() => row)))
  const means = await cohortMeans({ table: tableOf('int8', faces.flat(), kb.dims.face!), entityRows: rows }, people.length)
  return {
    ...kb,
    info: { ...kb.info, entities: people.length },
    search: async (space, embedding, k) =>
      (await kb.search(space, embedding, kb.info.entities)).filter(n => rowOf.has(n.entity.id)).slice(0, k),
    cohortMean: async ({ id }) => means?.[rowOf.get(id) ?? -1] ?? null,
    entity: id => rowOf.has(id) ? kb.entity(id) : undefined,
    close: async () => {}
  }
}
