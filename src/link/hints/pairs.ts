// How much the face of a mention speaks for one entity, whatever other entities there are.
import type { PairModel } from '../../kb/calibration.ts'
import type { KnowledgeBase } from '../../kb/types.ts'
import type { EncodedMention, Entity } from '../../types.ts'
import { faceScore } from '../znorm.ts'

/** One entity compared with one mention. */
export interface Compared {
  readonly entity: Entity
  /** Cosine of the mention's face to the entity's best reference, -1..1. */
  readonly similarity: number
  /** After score normalisation. */
  readonly faceScore: number
  /** Log likelihood ratio, natural logarithm: above 0 the face speaks for the entity. */
  readonly ratio: number
}

/** @returns the entities that have a face, in order. */
export async function compareFaces (
  kb: KnowledgeBase, mention: Pick<EncodedMention, 'face'>, entities: readonly Entity[], model: PairModel
): Promise<Compared[]> {
  const similarities = await kb.similarities('face', mention.face, entities)
  const compared = await Promise.all(entities.map(async (entity, i): Promise<Compared | null> => {
    const similarity = similarities[i]!
    if (Number.isNaN(similarity)) return null
    const cohortMean = await kb.cohortMean(entity)
    return { entity, similarity, faceScore: faceScore(similarity, cohortMean), ratio: pairRatio(model, similarity, cohortMean) }
  }))
  return compared.filter(one => one !== null)
}

/** @param cohortMean null counts as the average. */
export function pairRatio (
  model: Pick<PairModel, 'intercept' | 'similarity' | 'cohortMean'>, similarity: number, cohortMean: number | null
): number {
  return model.intercept + model.similarity * similarity + model.cohortMean * (cohortMean ?? 0)
}
