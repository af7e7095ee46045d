// Fits the likelihood ratio of two faces (`PairModel`): pairs of a mention with its own entity, and with others.
import type { PairModel } from '../../kb/calibration.ts'
import type { KnowledgeBase } from '../../kb/types.ts'
import type { Entity } from '../../types.ts'
import { pairRatio } from '../../link/hints/pairs.ts'
import type { EncodedQuery } from '../data/encode-queries.ts'
import { fitLogistic } from './logistic.ts'

/** One mention compared with one entity. */
export interface PairSample {
  readonly similarity: number
  /** Null counts as 0, the average. */
  readonly cohortMean: number
  readonly samePerson: boolean
}

/** Entities of other people that each mention is compared with. */
const IMPOSTORS = 100
/** Share of the pairs of two people that may reach `PairModel.linkFrom`. */
const FALSE_MATCH_RATE = 0.001
/** Fewest pairs of two people by which that share can be told. */
const MIN_IMPOSTORS = 10 / FALSE_MATCH_RATE
const MIN_GENUINE = 50
/**
 * Fewest pairs of one person that are better than the pack's model. With 154, all of 35 people, `linkFrom` came out at 2.9
 * where 874 pairs put it at 2.3. The pack's model holds for any gallery: a ratio of two faces depends on the encoder alone.
 */
const ENOUGH_GENUINE = 300

/** Compares each usable mention with its entity and with some of the other queries' entities, evenly spaced among them. */
export async function collectPairs (kb: KnowledgeBase, answers: readonly EncodedQuery[]): Promise<PairSample[]> {
  const ids = [...new Set(answers.flatMap(({ query }) => query.entityId ?? []))]
  const members = ids.flatMap(id => kb.entity(id) ?? [])
  const samples: PairSample[] = []
  for (const [i, { query, mention }] of answers.entries()) {
    if (mention === null || mention.lacks !== undefined) continue
    const own = query.entityId === null ? undefined : kb.entity(query.entityId)
    if (query.entityId !== null && own === undefined) continue
    const others = spaced(members, IMPOSTORS, i).filter(({ id }) => id !== own?.id)
    const compared = own === undefined ? others : [own, ...others]
    const similarities = await kb.similarities('face', mention.face, compared)
    for (const [n, entity] of compared.entries()) {
      const similarity = similarities[n]!
      if (Number.isNaN(similarity)) continue
      samples.push({ similarity, cohortMean: await kb.cohortMean(entity) ?? 0, samePerson: entity === own })
    }
  }
  return samples
}

/** About `count` of `all`, from `offset` on. */
function spaced (all: readonly Entity[], count: number, offset: number): Entity[] {
  const step = Math.max(1, Math.floor(all.length / count))
  return all.filter((_, i) => i % step === offset % step).slice(0, count)
}

/** @returns a model of these pairs, or the pack's where they are few; undefined where there is neither. */
export function choosePairs (samples: readonly PairSample[], ofPack: PairModel | undefined): PairModel | undefined {
  const isEnough = samples.filter(({ samePerson }) => samePerson).length >= ENOUGH_GENUINE
  return isEnough || ofPack === undefined ? fitPairs(samples) : ofPack
}

/**
 * The log odds of a logistic regression less those of its samples are a log likelihood ratio.
 *
 * @returns undefined where there are too few pairs to learn from.
 * @see Brümmer & du Preez 2006, "Application-independent evaluation of speaker detection", section 3
 */
export function fitPairs (samples: readonly PairSample[]): PairModel | undefined {
  const genuine = samples.filter(({ samePerson }) => samePerson)
  const impostor = samples.filter(({ samePerson }) => !samePerson)
  if (genuine.length < MIN_GENUINE || impostor.length < MIN_IMPOSTORS) return undefined
  const [similarity, cohortMean] = [standard(samples.map(one => one.similarity)), standard(samples.map(one => one.cohortMean))]
  const rows = samples.map(one => [similarity.of(one.similarity), cohortMean.of(one.cohortMean)])
  const { intercept, weights } = fitLogistic(rows, samples.map(({ samePerson }) => samePerson))
  const model = {
    intercept: intercept - Math.log(genuine.length / impostor.length) - weights[0]! * similarity.shift - weights[1]! * cohortMean.shift,
    similarity: weights[0]! / similarity.scale,
    cohortMean: weights[1]! / cohortMean.scale
  }
  const ratio = (one: PairSample): number => pairRatio(model, one.similarity, one.cohortMean)
  const ratios = impostor.map(ratio).sort((a, b) => b - a)
  const linkFrom = ratios[Math.floor(FALSE_MATCH_RATE * ratios.length)]!
  const measured = {
    genuine: genuine.length,
    impostor: impostor.length,
    falseMatchRate: ratios.filter(one => one >= linkFrom).length / impostor.length,
    trueMatchRate: genuine.filter(one => ratio(one) >= linkFrom).length / genuine.length
  }
  return { ...model, linkFrom, measured }
}

/** `of(value)` is `value / scale - shift`, with mean 0 and variance 1 over `values`; a constant is 0. */
function standard (values: readonly number[]): { of: (value: number) => number, scale: number, shift: number } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
  const scale = deviation > 0 ? deviation : Infinity
  const shift = deviation > 0 ? mean / scale : 0
  return { of: value => deviation > 0 ? value / scale - shift : 0, scale, shift }
}
