// Fusion of both modalities: one list ordered by a weighted sum of z-scores.
import type { Modality } from '../types.ts'
import type { Ranked } from './retrieve.ts'

/** Weight of each modality; the order depends on their ratio only. */
export type FusionWeights = Readonly<Record<Modality, number>>

export const EQUAL_WEIGHTS: FusionWeights = { face: 0.5, text: 0.5 }

const MODALITIES = ['face', 'text'] as const

/**
 * Orders candidates by
 *
 *     score = w_face * z_face + w_text * z_text,   z_m = (s_m - mean_m) / sd_m
 *
 * where s_m is the candidate's similarity in modality m, and mean and standard deviation (of the population) are over
 * the candidates of the list that have s_m. z_m = 0 for a candidate without s_m, and for all candidates if sd_m = 0.
 * Cosines of faces spread about ten times wider than cosines of image and text; z-scores put both on one scale.
 *
 * @param candidates each entity once; equal scores keep this order.
 * @see Jain, Nandakumar, Ross 2005, "Score normalization in multimodal biometric systems"
 */
export function fuse (candidates: readonly Ranked[], weights: FusionWeights): Ranked[] {
  const scales = MODALITIES.map(modality => scaleOf(candidates.flatMap(c => c.similarity[modality] ?? [])))
  const scoreOf = (candidate: Ranked): number => MODALITIES.reduce((sum, modality, m) => {
    const similarity = candidate.similarity[modality]
    const { mean, sd } = scales[m]!
    return similarity === undefined || sd === 0 ? sum : sum + weights[modality] * (similarity - mean) / sd
  }, 0)
  return candidates.map(candidate => ({ ...candidate, score: scoreOf(candidate) })).sort((a, b) => b.score - a.score)
}

/** A smaller standard deviation is rounding error of float32 cosines and counts as 0. */
const MIN_SD = 1e-6

function scaleOf (values: readonly number[]): { mean: number, sd: number } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  const sd = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length)
  return { mean, sd: sd > MIN_SD ? sd : 0 }
}
