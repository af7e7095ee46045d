// Photos that nobody chose: what is found in them, and how much of it is linked. No one in them is in the gallery.
import { readFileSync } from 'node:fs'
import type { Box } from '../../src/types.ts'
import type { KnowledgeBase } from '../../src/kb/types.ts'
import type { EncodedQueries } from '../../src/eval/data/encode-queries.ts'
import { photoOf } from '../../src/eval/data/encode-queries.ts'
import { iou } from '../../src/image/box.ts'
import { criteriaFor, judge } from '../../src/link/decide.ts'
import { rankByFace } from '../../src/eval/systems.ts'

export interface WildResults {
  readonly photos: number
  readonly mentions: number
  /** Mentions that were labelled by hand as no face, and as a likeness (drawing, statue, animal). */
  readonly noFace: number
  readonly likeness: number
  /** Detections that the encoder rejected as no face. */
  readonly rejected: number
  /** Mentions that say too little to name anyone. */
  readonly poor: number
  /** False links by a threshold on the score, and by probability. */
  readonly linkedByScore: number
  readonly linkedByProbability: number
  /** Highest probability of a false link; null without any. */
  readonly highest: number | null
}

/** A face that was labelled by hand: bench/quality/wild-faces.json. */
interface Labelled {
  readonly image: string
  readonly box: readonly [number, number, number, number]
  readonly label: 'face' | 'none' | 'likeness'
}

const SAME_IOU = 0.4

/**
 * @param kb with a calibration that has not seen these photos.
 * @param threshold first score from which the dev sets reach the target FPIR; null where none does.
 */
export async function measureWild (kb: KnowledgeBase, wild: EncodedQueries, threshold: number | null): Promise<WildResults> {
  const labels = JSON.parse(readFileSync(new URL('wild-faces.json', import.meta.url), 'utf8')) as Labelled[]
  const labelOf = (image: string, box: Box): Labelled['label'] | undefined =>
    labels.find(({ image: of, box: [x1, y1, x2, y2] }) => of === image && iou({ x1, y1, x2, y2 }, box) > SAME_IOU)?.label
  const found = wild.answers.flatMap(({ query, mention }) =>
    mention === null ? [] : [{ mention, label: labelOf(query.image, mention.box) }])
  let linkedByScore = 0
  const probabilities: number[] = []
  for (const { mention } of found) {
    if (mention.lacks !== undefined) continue
    const candidates = await rankByFace(kb, mention)
    if (threshold !== null && (candidates[0]?.score ?? -Infinity) >= threshold) linkedByScore++
    const { status, probability } = judge(mention, candidates, criteriaFor('v2v', kb))
    if (status === 'linked') probabilities.push(probability ?? 1)
  }
  return {
    photos: new Set(wild.answers.map(photoOf)).size,
    mentions: found.length,
    noFace: found.filter(({ label }) => label === 'none').length,
    likeness: found.filter(({ label }) => label === 'likeness').length,
    rejected: wild.rejected,
    poor: found.filter(({ mention }) => mention.lacks !== undefined).length,
    linkedByScore,
    linkedByProbability: probabilities.length,
    highest: probabilities.length === 0 ? null : Math.max(...probabilities)
  }
}
