import { expect, it } from 'vitest'
import type { Quality } from '../../src/types.ts'
import { lackOf, type JudgedModels, type Use } from '../../src/packs/evidence.ts'
import { readPackManifest } from '../../src/packs/manifest.ts'
import { ownModels } from '../helpers/models.ts'

const { models: embedded } = await readPackManifest('embedded', ownModels)
const quality = (featureNorm?: number, landmarkSpread?: number): Quality =>
  ({ faceSizePx: 100, sharpness: 300, featureNorm, landmarkSpread })

it.each([
  ['mention', 2, 0.02], ['reference', 2.3, 0.02], ['enrolment', 2.5, 0.015]
] as const)('the embedded pack accepts a %s from norm %d and up to spread %d', (use, norm, spread) => {
  expect(lackOf(quality(norm, spread), embedded, use)).toBeUndefined()
  const [less, more] = [norm - 0.01, spread + 0.001]
  expect(lackOf(quality(less, spread), embedded, use)).toContain(`(feature norm ${less.toFixed(2)}, at least ${norm})`)
  expect(lackOf(quality(norm, more), embedded, use)).toContain(`(spread ${more.toFixed(3)}, at most ${spread})`)
})

it('asks of a reference no less than of a mention, and of an enrolment no less than of a reference', () => {
  const { face: { minFeatureNorm }, landmarks } = embedded
  expect(minFeatureNorm!.face).toBeLessThanOrEqual(minFeatureNorm!.mention)
  expect(minFeatureNorm!.mention).toBeLessThanOrEqual(minFeatureNorm!.reference)
  expect(minFeatureNorm!.reference).toBeLessThanOrEqual(minFeatureNorm!.enrolment)
  expect(landmarks!.maxSpread!.mention).toBeGreaterThanOrEqual(landmarks!.maxSpread!.reference)
  expect(landmarks!.maxSpread!.reference).toBeGreaterThanOrEqual(landmarks!.maxSpread!.enrolment)
})

it('names the landmarks first where both fail', () => {
  expect(lackOf(quality(1, 0.1), embedded, 'mention')).toContain('landmarks')
})

it('lacks nothing where the pack has no limits or the number is unknown', () => {
  const without = { face: { ...embedded.face, minFeatureNorm: undefined }, landmarks: undefined } as unknown as JudgedModels
  for (const use of ['mention', 'reference', 'enrolment'] satisfies Use[]) {
    expect(lackOf(quality(0.1, 9), without, use)).toBeUndefined()
    expect(lackOf(quality(), embedded, use)).toBeUndefined()
  }
})
