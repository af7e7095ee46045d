// The real linker over a small index whose calibration weighs names against faces: no face of it is sure enough alone.
import { join } from 'node:path'
import { openLiveIndex } from '../../src/kb/live/live-index.ts'
import { openIndex } from '../../src/kb/search/open-index.ts'
import { writeIndex } from '../../src/kb/build/write-index.ts'
import type { Calibration } from '../../src/kb/calibration.ts'
import type { Linker } from '../../src/linker.ts'
import type { Entity } from '../../src/types.ts'
import { content, identity, temporaryFolder } from './build-small-index.ts'
import { createLiveLinker } from './live-linker.ts'
import { vectors } from './open-live-index.ts'

/** Person i has vector i of `live-linker.ts`; the last one has no face. */
export const PEOPLE: readonly Entity[] = [
  ['Q1', 'Zacharias Zenith'], ['Q2', 'Yolanda Ypsilon'], ['Q3', 'Xenia Ximenes', 1990], ['Q4', 'جمال الدين'], ['Q5', 'Renée Müller'],
  ['Q6', 'Faceless Fanny']
].map(([id, name, birthYear]) =>
  ({ id, name, description: '', aliases: [], ...(birthYear !== undefined && { birthYear }) }) as Entity)

/** By the face alone the right person has a probability of .38; the odds of a pair of equal faces are 150. */
const CALIBRATION: Calibration = {
  intercept: 0,
  terms: [{ feature: 'similarity', weight: 10, mean: 1.05, scale: 1, min: -1, max: 1 }],
  linkFrom: 0.5,
  ambiguousFrom: 0.45,
  targetFpir: 0.01,
  entities: 6,
  pairs: {
    intercept: -5,
    similarity: 10,
    cohortMean: 0,
    linkFrom: 2,
    measured: { genuine: 9, impostor: 9, falseMatchRate: 0.01, trueMatchRate: 0.9 }
  },
  measured: { queries: 9, persons: 9, strangers: 9, folds: 2, ece: 0.01, fpir: 0.01, tpir: 0.9, created: '2026-01-01T00:00:00Z' }
}

/** An index folder of these people. */
export async function writeHintedIndex (): Promise<string> {
  const dir = join(await temporaryFolder(), 'index')
  const small = content(PEOPLE, vectors, PEOPLE.slice(0, -1).map((_, i) => i))
  await writeIndex(dir, { ...small, calibration: CALIBRATION })
  return dir
}

export async function createHintedLinker (): Promise<Linker> {
  const dir = await writeHintedIndex()
  const open = async (): ReturnType<typeof openIndex> => await openIndex(dir, {})
  return createLiveLinker(await openLiveIndex({ dir, open, recipe: identity.recipe, writable: true, say: () => {} }))
}
