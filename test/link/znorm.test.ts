import { expect, it } from 'vitest'
import { znorm, ZNORM_WEIGHT } from '../../src/link/znorm.ts'
import { rankCandidates } from '../../src/link/rank.ts'
import { retrieve } from '../../src/link/retrieve.ts'
import { kbOfVectors, mentionOf } from '../helpers/memory-kb.ts'

const turn = (degrees: number): number[] => [Math.cos(degrees * Math.PI / 180), Math.sin(degrees * Math.PI / 180)]
const plain = kbOfVectors({ Q1: { face: [turn(10)] }, Q2: { face: [turn(20)] }, Q3: { face: [turn(80)] } })
/** Q1 is similar to many entities, Q3 to few. */
const kb = { ...plain, cohortMean: async ({ id }: { readonly id: string }) => ({ Q1: 0.2, Q2: 0, Q3: -0.1 })[id] ?? null }
const mention = mentionOf(turn(0))
const found = async (): ReturnType<typeof retrieve> => await retrieve(kb, { modality: 'face', space: 'face', embedding: mention.face }, 3)

it('subtracts the cohort mean and keeps the similarity beside the score', async () => {
  const candidates = await znorm(kb, await found())
  expect(candidates.map(c => c.entity.id)).toEqual(['Q2', 'Q1', 'Q3'])
  for (const { entity, score, similarity } of candidates) {
    expect(score).toBeCloseTo(similarity.face! - ZNORM_WEIGHT * (await kb.cohortMean(entity))!, 12)
  }
})

it('keeps order and scores without cohort means', async () => {
  expect(await znorm(plain, await found())).toEqual((await found()).map(c => ({ ...c, faceScore: c.score, cohortMean: null })))
})

it('is part of ranking by face, also for one candidate', async () => {
  const ranked = await rankCandidates(kb, mention, { mode: 'v2v', order: 'face-text', textSpace: 'name', rerankK: 600, topK: 1 })
  expect(ranked.map(c => [c.rank, c.entity.id])).toEqual([[1, 'Q2']])
})
