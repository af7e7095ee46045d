// Rankings to the report: all figures of `vel eval` in one plain object.
import type { IndexInfo, LinkStatus } from '../../types.ts'
import { groupBy } from '../../group-by.ts'
import { bootstrap, type ScoreIntervals } from '../metrics/bootstrap.ts'
import { expectedCalibrationError, reliabilityBins, type ReliabilityBin } from '../metrics/calibration-error.ts'
import { perPerson, perQuery, rankOf, type Hit, type Ranked, type Scores } from '../metrics/recall.ts'
import { FPIR_TARGETS, openSetCurve, pointAtFpir, type OpenSetPoint } from '../metrics/open-set.ts'
import type { CaptionReport, GivenCaptionReport } from '../captions/measure.ts'
import { photoOf } from '../data/encode-queries.ts'
import type { Query } from '../data/queries.ts'
import type { OverlapPoint, SweepPoint } from '../sweeps.ts'

/** The answer of one system to one query. */
export interface Answer {
  readonly query: Query
  /** Whether the query's entity is in the index; false for a stranger. */
  readonly inIndex: boolean
  /** Best first; empty where no face was found. */
  readonly ranking: readonly Ranked[]
  /** Short side of the face, px; absent where no face was found. */
  readonly faceSizePx?: number | undefined
  /** The service's default decision, where known. */
  readonly decision?: { readonly status: LinkStatus, readonly probability?: number | undefined } | undefined
}

export interface RowReport extends Scores {
  readonly name: string
  readonly queries: number
  readonly persons: number
  readonly perPerson: Scores
  /** 95 %, bootstrap over persons. */
  readonly intervals: { readonly perQuery: ScoreIntervals, readonly perPerson: ScoreIntervals }
}

/** Numbers of queries, and of those left out. */
export interface QueryCounts {
  readonly files: readonly string[]
  /** Photos of strangers, and the mentions in them. */
  readonly strangers: number
  readonly strangerMentions: number
  /** Queries whose entity is not in the index: in no measure. */
  readonly notInIndex: number
  readonly noFace: number
  readonly unreadable: number
  readonly missingPhotos: number
  readonly duplicates: number
  readonly broken: number
}

export interface Decisions {
  /** Share of the photos of strangers in which anyone was linked, 0..1: the FPIR by photo. */
  readonly strangersLinked: number
  /** Share of the mentions in them that was linked, 0..1: the FPIR by mention. */
  readonly strangerMentionsLinked: number
  /** False links by the short side of the face. */
  readonly falseLinks: readonly FalseLinks[]
  /** Shares of members that were linked to the right entity, to a wrong one, and to none, 0..1. */
  readonly membersRight: number
  readonly membersWrong: number
  readonly membersUnlinked: number
}

/** Mentions of strangers with a short side of at least `fromPx` and less than the next one's, and how many were linked. */
export interface FalseLinks { readonly fromPx: number, readonly mentions: number, readonly linked: number }

export interface DecidedRow extends RowReport {
  /** Null where the service never decides on this ranking by default. */
  readonly decisions: Decisions | null
}

export interface Report extends Scores {
  readonly created: string
  readonly index: IndexInfo
  readonly models: string
  /** Queries that the measures are averaged over. */
  readonly queries: number
  readonly counts: QueryCounts
  readonly perPerson: Scores
  readonly rows: readonly DecidedRow[]
  /** The first row on each query file. */
  readonly sets: readonly RowReport[]
  /** `fpir` is the target, `reachedFpir` the rate at the threshold. `threshold` null: none reaches the target. */
  readonly openSet: ReadonlyArray<{
    readonly fpir: number
    readonly reachedFpir: number
    readonly tpir: number
    readonly threshold: number | null
  }>
  readonly openSetCurve: readonly OpenSetPoint[]
  /** Of the first row. */
  readonly decisions: Decisions | null
  /** `ece` null where no probability is stated. */
  readonly calibration: { readonly ece: number | null, readonly bins: readonly ReliabilityBin[] }
  readonly rerankSweep: readonly SweepPoint[]
  readonly overlap: readonly OverlapPoint[]
  /** Links with captions made from templates; only where they were asked for. */
  readonly captions?: CaptionReport | undefined
  /** Links with the captions and dates of the query files; only where those have any. */
  readonly givenCaptions?: GivenCaptionReport | undefined
}

export interface ReportInput {
  readonly index: IndexInfo
  readonly models: string
  readonly counts: Omit<QueryCounts, 'strangers' | 'strangerMentions' | 'notInIndex'>
  readonly rows: ReadonlyArray<{ readonly name: string, readonly answers: readonly Answer[] }>
  readonly rerankSweep?: readonly SweepPoint[]
  readonly overlap?: readonly OverlapPoint[]
  readonly captions?: CaptionReport
  readonly givenCaptions?: GivenCaptionReport
}

export function buildReport (input: ReportInput): Report {
  const rows = input.rows.map(({ name, answers }) => ({ ...rowReport(name, answers), decisions: decisionsOf(answers) }))
  const [main, first] = [rows[0]!, input.rows[0]!.answers]
  const strangers = first.filter(a => a.query.entityId === null)
  const members = first.filter(a => a.inIndex)
  const curve =
    strangers.length === 0 || members.length === 0
      ? []
      : openSetCurve(
        members.map(a => ({ score: confidence(a), right: isRight(a) })),
        photosOf(strangers).map(mentions => Math.max(...mentions.map(confidence)))
      )
  return {
    created: new Date().toISOString(),
    index: input.index,
    models: input.models,
    queries: main.queries,
    counts: {
      ...input.counts,
      strangers: photosOf(strangers).length,
      strangerMentions: strangers.filter(a => a.faceSizePx !== undefined).length,
      notInIndex: first.length - strangers.length - members.length
    },
    recall: main.recall,
    mrr: main.mrr,
    perPerson: main.perPerson,
    rows,
    sets: input.counts.files
      .map(file => ({ file, of: members.filter(a => a.query.file === file) }))
      .filter(s => s.of.length > 0)
      .map(s => rowReport(s.file, s.of)),
    openSet: curve.length === 0 ? [] : FPIR_TARGETS.map(fpir => openSetAt(curve, fpir)),
    openSetCurve: curve,
    decisions: main.decisions,
    calibration: calibrationOf([...members, ...strangers]),
    rerankSweep: input.rerankSweep ?? [],
    overlap: input.overlap ?? [],
    ...(input.captions !== undefined && { captions: input.captions }),
    ...(input.givenCaptions !== undefined && { givenCaptions: input.givenCaptions })
  }
}

export function rowReport (name: string, answers: readonly Answer[]): RowReport {
  const hits: Hit[] = answers.filter(a => a.inIndex).map(a => ({ person: a.query.entityId!, rank: rankOf(a.ranking, a.query.entityId!) }))
  return {
    name,
    queries: hits.length,
    persons: new Set(hits.map(h => h.person)).size,
    ...perQuery(hits),
    perPerson: perPerson(hits),
    intervals: bootstrap(hits)
  }
}

/** The value that thresholds apply to: the probability where stated, else the first score; -Infinity without candidates. */
function confidence (answer: Answer): number {
  return answer.decision?.probability ?? answer.ranking[0]?.score ?? -Infinity
}

function isRight (answer: Answer): boolean {
  return answer.query.entityId !== null && rankOf(answer.ranking, answer.query.entityId) === 1
}

function openSetAt (curve: readonly OpenSetPoint[], fpir: number): Report['openSet'][number] {
  const point = pointAtFpir(curve, fpir)
  return { fpir, reachedFpir: point.fpir, tpir: point.tpir, threshold: Number.isFinite(point.threshold) ? point.threshold : null }
}

function decisionsOf (answers: readonly Answer[]): Decisions | null {
  const members = answers.filter(a => a.inIndex)
  const strangers = answers.filter(a => a.query.entityId === null)
  if (![...members, ...strangers].some(a => a.decision !== undefined)) return null
  const linked = (a: Answer): boolean => a.decision?.status === 'linked'
  const share = <T>(all: readonly T[], which: (one: T) => boolean): number => all.filter(which).length / all.length
  return {
    strangersLinked: share(photosOf(strangers), mentions => mentions.some(linked)),
    strangerMentionsLinked: share(strangers.filter(a => a.faceSizePx !== undefined), linked),
    falseLinks: falseLinksOf(strangers.filter(a => a.faceSizePx !== undefined), linked),
    membersRight: share(members, a => linked(a) && isRight(a)),
    membersWrong: share(members, a => linked(a) && !isRight(a)),
    membersUnlinked: share(members, a => !linked(a))
  }
}

const photosOf = (answers: readonly Answer[]): Answer[][] => groupBy(answers, photoOf)

/** Short sides that false links are counted by, px. */
const SIZES = [0, 24, 48, 96]

function falseLinksOf (mentions: readonly Answer[], linked: (a: Answer) => boolean): FalseLinks[] {
  return SIZES.map((fromPx, i) => {
    const of = mentions.filter(({ faceSizePx }) => faceSizePx! >= fromPx && faceSizePx! < (SIZES[i + 1] ?? Infinity))
    return { fromPx, mentions: of.length, linked: of.filter(linked).length }
  })
}

function calibrationOf (answers: readonly Answer[]): Report['calibration'] {
  const judged = answers.flatMap(a =>
    a.decision?.probability === undefined ? [] : [{ probability: a.decision.probability, right: isRight(a) }]
  )
  return judged.length === 0 ? { ece: null, bins: [] } : { ece: expectedCalibrationError(judged), bins: reliabilityBins(judged) }
}
