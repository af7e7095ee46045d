// Both modalities at once: one list ordered by a weighted sum.
import type { Modality } from '../types.ts'
import type { Ranked } from './retrieve.ts'

/** What each modality counts for; only their ratio orders. */
export type FusionWeights = Readonly<Record<Modality, number>>

export const EQUAL_WEIGHTS: FusionWeights = { face: 0.5, text: 0.5 }

const MODALITIES = ['face', 'text'] as const

/**
 * Orders candidates by
 *
 *     score = w_face * z_face + w_text * z_text,   z_m = (s_m - mean_m) / sd_m
 *
 * where s_m is the candidate's similarity in modality m, and mean and standard deviation (of the population) are over
 * those of the list that have one. A candidate without s_m counts as an average one: z_m = 0; so do all where sd_m = 0.
 * Cosines of faces spread some ten times wider than cosines of image and text: z-scores make the two comparable, and
 * let a similarity that stands out speak louder than one that is merely the largest.
 *
 * @param candidates each once; equal scores keep this order.
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

/** Below this spread, cosines of float32 vectors are equal. */
const EQUAL_SD = 1e-6

function scaleOf (values: readonly number[]): { mean: number, sd: number } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  const sd = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length)
  return { mean, sd: sd > EQUAL_SD ? sd : 0 }
}
