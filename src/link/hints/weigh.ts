// Decides on the mentions of one picture by their faces and by what the request says beyond it: Bayes' rule in log odds.
import type { Calibration, PairModel } from '../../kb/calibration.ts'
import type { EncodedMention, Entity, Evidence } from '../../types.ts'
import { nil, type Judgement } from '../decide.ts'
import type { ResolvedHints } from './resolve.ts'
import { priorsOf, type Prior } from './priors.ts'
import type { Compared } from './pairs.ts'
import type { ScoredCandidate } from '../retrieve.ts'
import { dateEvidence } from './date.ts'

/** One mention with all that is known of its face. */
export interface FaceEvidence {
  readonly mention: EncodedMention
  /** By face alone. */
  readonly judgement: Judgement
  /** By face, best first. */
  readonly candidates: readonly ScoredCandidate[]
  /** Whether what the request says may change the judgement. */
  readonly isOpen: boolean
  /** The entities that the request names. */
  readonly compared: readonly Compared[]
}

export interface Weighed {
  readonly judgement: Judgement
  readonly candidates: readonly ScoredCandidate[]
  readonly evidence?: Evidence
}

/** What decides beside the faces. */
export interface Weights extends Pick<Calibration, 'linkFrom' | 'ambiguousFrom' | 'shown'> {
  readonly pairs: PairModel
  /** Entities in the index. */
  readonly entities: number
}

/**
 * Share of the faces that are nobody of the index, in a picture of which nothing is known. Half, as in the photos that
 * calibrations are fitted on.
 */
const NOBODY = 0.5
/** Rounds of the mean-field update; people of a caption are seldom exchanged after the first. */
const ROUNDS = 3

/**
 * The odds of each hypothesis on a mention against "nobody whom the request names, and not the first candidate":
 *
 *     first candidate by face:  odds of its calibrated probability
 *     person e of the request:  prior(e) / (1 - sum of priors) / P(nobody) * likelihood ratio of the face for e
 *
 * The calibrated probability has the prior of one among all entities in it; the ratio has none. A person is in a picture once:
 * in each round a prior is lowered by the probability that the person is another mention (mean field). The face must agree: a
 * named entity is linked only from `pairs.linkFrom` on, so that a caption alone never links.
 *
 * @returns what is decided on each mention, in order.
 */
export function weighHints (hints: ResolvedHints, faces: readonly FaceEvidence[], weights: Weights): Weighed[] {
  const usable = faces.filter(({ isOpen }) => isOpen)
  const priors = new Map(priorsOf(hints, usable.map(({ mention }) => mention), weights.shown).map((prior, i) => [usable[i]!, prior]))
  let beliefs = new Map<FaceEvidence, Belief>()
  for (let round = 0; round < ROUNDS; round++) {
    const absent = absentFrom([...beliefs.values()])
    beliefs = new Map(usable.map(face => {
      const free = withoutOthers(priors.get(face)!, absent, beliefs.get(face))
      return [face, posterior(oddsOf(face, free, hints, weights))]
    }))
  }
  const absent = absentFrom([...beliefs.values()])
  return faces.map(face => {
    const prior = priors.get(face)
    return prior === undefined ? face : decideWithHints(face, withoutOthers(prior, absent, beliefs.get(face)), hints, weights)
  })
}

/** Probability of each entity for one mention, by id. */
type Belief = ReadonlyMap<string, number>

/** A belief of 1 would leave nothing to the other mentions, not even to the one it is compared with. */
const SURE = 1 - 1e-9

/** Logarithm of the probability that an entity is none of the mentions, by id: a sum over all, taken once a round. */
function absentFrom (beliefs: readonly Belief[]): ReadonlyMap<string, number> {
  const absent = new Map<string, number>()
  for (const belief of beliefs) {
    for (const [id, p] of belief) absent.set(id, (absent.get(id) ?? 0) + Math.log1p(-Math.min(SURE, p)))
  }
  return absent
}

/** The priors of one mention where others are these people already. @param own belief of the mention, which is in `absent` too. */
function withoutOthers ({ caption, shortlist }: Prior, absent: ReadonlyMap<string, number>, own: Belief | undefined): Prior {
  const free = (prior: Belief): Belief => new Map(Array.from(prior, ([id, p]) => {
    const ofOthers = (absent.get(id) ?? 0) - Math.log1p(-Math.min(SURE, own?.get(id) ?? 0))
    return [id, p * Math.exp(ofOthers)]
  }))
  return { caption: free(caption), shortlist: free(shortlist) }
}

interface Hypothesis {
  readonly entity: Entity
  readonly compared?: Compared | undefined
  /** Log odds by the face alone; of the date. */
  readonly face: number
  readonly date: number
  /** False for a person beside a shortlist that is the only choice. */
  readonly isAllowed: boolean
  /** Odds with all evidence, and without the shortlist. */
  readonly odds: number
  readonly oddsWithoutShortlist: number
}

/** The hypotheses on a mention, the most likely of those that may be linked first. */
function oddsOf (
  face: FaceEvidence, { caption, shortlist }: Prior, { takenIn, mode, shortlist: listed }: ResolvedHints, weights: Weights
): Hypothesis[] {
  const first = face.candidates[0]
  const { probability } = face.judgement
  const named = sumOf(caption)
  const all = 1 - (1 - named) * (1 - sumOf(shortlist))
  const comparedById = new Map(face.compared.map(one => [one.entity.id, one]))
  const hypothesis = (entity: Entity): Hypothesis => {
    const compared = comparedById.get(entity.id)
    const isFirst = entity.id === first?.entity.id && probability !== undefined
    const date = dateEvidence(entity, takenIn)
    const ofFace = isFirst ? probability / (1 - probability) : 0
    // A face that speaks against a named person is no reason to doubt another one.
    const ratio = compared === undefined || compared.ratio < 0 ? 0 : Math.exp(compared.ratio) / NOBODY
    const [p, q] = [caption.get(entity.id) ?? 0, shortlist.get(entity.id) ?? 0]
    const isAllowed = mode === 'prefer' || listed === null || q > 0
    const total = (prior: number, sum: number): number => (ofFace + prior / (1 - sum) * ratio) * Math.exp(date)
    return {
      entity,
      compared,
      face: isFirst ? logit(probability) : (compared?.ratio ?? -Infinity) - Math.log(weights.entities),
      date,
      isAllowed,
      odds: total(p + q - p * q, all),
      oddsWithoutShortlist: total(p, named)
    }
  }
  const entities = [...(first === undefined ? [] : [first.entity]), ...face.compared.map(({ entity }) => entity)]
  const distinct = new Map(entities.map(entity => [entity.id, entity])).values()
  return Array.from(distinct, hypothesis).sort((a, b) => Number(b.isAllowed) - Number(a.isAllowed) || b.odds - a.odds)
}

const sumOf = (prior: ReadonlyMap<string, number>): number => [...prior.values()].reduce((a, b) => a + b, 0)

/** Finite for all of 0..1, for JSON has no infinity. */
const logit = (p: number): number => Math.log(Math.max(p, Number.MIN_VALUE) / Math.max(1 - p, Number.EPSILON))

function posterior (hypotheses: readonly Hypothesis[]): ReadonlyMap<string, number> {
  const sum = 1 + hypotheses.reduce((total, { odds }) => total + odds, 0)
  return new Map(hypotheses.map(({ entity, odds }) => [entity.id, odds / sum]))
}

function decideWithHints (face: FaceEvidence, prior: Prior, hints: ResolvedHints, weights: Weights): Weighed {
  const hypotheses = oddsOf(face, prior, hints, weights)
  const best = hypotheses[0]
  if (best?.isAllowed !== true) return { judgement: nil('noCandidate'), candidates: face.candidates }
  if (best.odds === 0) {
    const isByFaceAllowed = hypotheses.every(({ entity, isAllowed }) => isAllowed || entity.id !== face.candidates[0]?.entity.id)
    return { judgement: isByFaceAllowed ? face.judgement : nil('threshold'), candidates: face.candidates }
  }
  const probability = posterior(hypotheses).get(best.entity.id)!
  const isNamed = prior.caption.has(best.entity.id) || prior.shortlist.has(best.entity.id)
  const isByFace = face.judgement.entity?.id === best.entity.id
  const agrees = isByFace || (isNamed && best.compared !== undefined && best.compared.ratio >= weights.pairs.linkFrom)
  const evidence = evidenceOf(best, probability, hypotheses, hints)
  return {
    judgement: { ...decided(best, probability, agrees, isNamed || isByFace, face, weights), probability },
    candidates: reordered(face, hypotheses),
    evidence
  }
}

function decided (
  { entity, compared }: Hypothesis, probability: number, agrees: boolean, mayLink: boolean, { judgement }: FaceEvidence, weights: Weights
): Judgement {
  if (agrees && mayLink && probability >= weights.linkFrom) return { status: 'linked', entity }
  const isPlausible = compared === undefined ? judgement.status !== 'nil' : compared.ratio > 0
  return isPlausible && probability >= weights.ambiguousFrom ? { status: 'ambiguous', entity: null } : nil('threshold')
}

/** Named entities that are more likely than the first candidate by face go before it; the others stay in their order by face. */
function reordered ({ candidates }: FaceEvidence, hypotheses: readonly Hypothesis[]): ScoredCandidate[] {
  const firstId = candidates[0]?.entity.id
  const firstOdds = hypotheses.find(({ entity }) => entity.id === firstId)?.odds ?? 0
  const named = hypotheses.flatMap(({ entity, odds, compared }) => {
    if (entity.id === firstId || odds <= firstOdds || compared === undefined || compared.ratio <= 0) return []
    return [{ entity, score: compared.faceScore, faceScore: compared.faceScore, similarity: { face: compared.similarity } }]
  })
  const ids = new Set(named.map(({ entity }) => entity.id))
  return [...named, ...candidates.filter(({ entity }) => !ids.has(entity.id))].map((candidate, i) => ({ ...candidate, rank: i + 1 }))
}

function evidenceOf (
  best: Hypothesis, probability: number, hypotheses: readonly Hypothesis[], { names, shortlist }: ResolvedHints
): Evidence {
  const others = hypotheses.filter(one => one !== best)
  const without = best.oddsWithoutShortlist / (1 + others.reduce((sum, { oddsWithoutShortlist }) => sum + oddsWithoutShortlist, 0))
  const all = logit(probability)
  const caption = names === null ? 0 : Math.log(without) - best.face - best.date
  const parts = { face: best.face, caption, shortlist: shortlist === null ? 0 : all - best.face - best.date - caption, date: best.date }
  return { ...parts, because: sentence(best.entity, parts) }
}

/** From this on, in log odds, evidence is worth a word. */
const NOTABLE = 0.5

function sentence ({ name }: Entity, { face, caption, shortlist, date }: Omit<Evidence, 'because'>): string {
  const parts = [
    face > 0 ? `the face alone speaks for ${name}` : `the face alone does not single out ${name}`,
    ...(caption > NOTABLE ? ['the caption names this person'] : caption < -NOTABLE ? ['the caption names others'] : []),
    ...(shortlist > NOTABLE ? ['the shortlist has this person'] : shortlist < -NOTABLE ? ['the shortlist has others'] : []),
    ...(date < 0 ? ['the photo was taken outside this person\'s life'] : [])
  ]
  const text = parts.join('; ')
  return `${text[0]!.toUpperCase()}${text.slice(1)}.`
}
