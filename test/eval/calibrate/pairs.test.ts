import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { describe, expect, it } from 'vitest'
import { choosePairs, collectPairs, fitPairs, type PairSample } from '../../../src/eval/calibrate/pairs.ts'
import { pairRatio } from '../../../src/link/hints/pairs.ts'
import { kbOfVectors, mentionOf } from '../../helpers/memory-kb.ts'

const random = xoroshiro128plus(3)
const normal = (): number =>
  Math.sqrt(-2 * Math.log(1 - uniformFloat64(random))) * Math.cos(2 * Math.PI * uniformFloat64(random))

/** Similarities of one person around .6, of two around .1, with a deviation of .1: the true log ratio is 50 s - 17.5. */
function draw (genuine: number, impostor: number): PairSample[] {
  return Array.from({ length: genuine + impostor }, (_, i) => {
    const samePerson = i < genuine
    return { similarity: (samePerson ? 0.6 : 0.1) + 0.1 * normal(), cohortMean: 0.01 * normal(), samePerson }
  })
}

describe('the model of pairs', () => {
  it('is the log likelihood ratio, whatever the shares of the samples', () => {
    for (const [genuine, impostor] of [[2000, 20_000], [10_000, 20_000]] as const) {
      const model = fitPairs(draw(genuine, impostor))!
      expect(pairRatio(model, 0.35, 0)).toBeGreaterThan(-1.5)
      expect(pairRatio(model, 0.35, 0)).toBeLessThan(1.5)
      expect(model.similarity).toBeGreaterThan(30)
      expect(model.similarity).toBeLessThan(60)
    }
  })

  it('links from where one in a thousand pairs of two people would be', () => {
    const { measured, linkFrom } = fitPairs(draw(500, 20_000))!
    expect(measured).toMatchObject({ genuine: 500, impostor: 20_000 })
    expect(measured.falseMatchRate).toBeCloseTo(0.001, 3)
    expect(measured.trueMatchRate).toBeGreaterThan(0.9)
    expect(Number.isFinite(linkFrom)).toBe(true)
  })

  it('needs pairs enough', () => {
    expect(fitPairs([])).toBeUndefined()
    expect(fitPairs(draw(49, 20_000))).toBeUndefined()
    expect(fitPairs(draw(500, 9999))).toBeUndefined()
  })

  it('does with a cohort mean that is the same for all', () => {
    const { cohortMean } = fitPairs(draw(500, 20_000).map(one => ({ ...one, cohortMean: 0 })))!
    expect(Number.isFinite(cohortMean)).toBe(true)
  })
})

describe('few pairs', () => {
  const ofPack = { intercept: -1, similarity: 2, cohortMean: 3, linkFrom: 4, measured: fitPairs(draw(60, 10_000))!.measured }

  it('leave the pack\'s model in place', () => {
    expect(choosePairs(draw(299, 20_000), ofPack)).toBe(ofPack)
    expect(choosePairs([], ofPack)).toBe(ofPack)
  })

  it('are fitted where the pack has none', () => {
    expect(choosePairs(draw(299, 20_000), undefined)?.measured.genuine).toBe(299)
    expect(choosePairs([], undefined)).toBeUndefined()
  })

  it('many are fitted', () => { expect(choosePairs(draw(300, 20_000), ofPack)?.measured.genuine).toBe(300) })
})

it('compares each usable face with its person and with others, never with itself as another', async () => {
  const axis = (i: number): number[] => Array.from({ length: 8 }, (_, n) => n === i ? 1 : 0)
  const people = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`Q${i + 1}`, { face: [axis(i)] }]))
  const kb = kbOfVectors(people)
  const query = (entityId: string | null): { image: string, path: string, box: null, entityId: string | null, file: string } =>
    ({ image: 'a', path: 'a', box: null, entityId, file: 'f' })
  const samples = await collectPairs(kb, [
    { query: query('Q1'), mention: mentionOf([1, 0, 0, 0, 0, 0, 0, 0]) },
    { query: query('Q2'), mention: null },
    { query: query('Q99'), mention: mentionOf([1, 0, 0, 0, 0, 0, 0, 0]) },
    { query: query(null), mention: mentionOf([0, 0, 0, 1, 0, 0, 0, 0]) },
    { query: query('Q3'), mention: { ...mentionOf([0, 0, 1, 0, 0, 0, 0, 0]), lacks: 'quality' as never } }
  ])
  expect(samples.filter(({ samePerson }) => samePerson).map(({ similarity }) => similarity)).toEqual([1])
  expect(samples.filter(({ samePerson }) => !samePerson).every(({ similarity }) => similarity < 1)).toBe(true)
})
