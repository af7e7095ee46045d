import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { describe, expect, it } from 'vitest'
import { findNames } from '../../../src/captions/find-names.ts'
import { makeCaption, makePlacedCaption, shuffled } from '../../../src/eval/captions/make-caption.ts'
import { measureCaptions } from '../../../src/eval/captions/measure.ts'
import type { EncodedQuery } from '../../../src/eval/data/encode-queries.ts'
import type { Calibration } from '../../../src/kb/calibration.ts'
import { cuesOf } from '../../../src/captions/cues.ts'
import { gazetteerOf } from '../../helpers/gazetteer.ts'
import { kbOfVectors, mentionOf } from '../../helpers/memory-kb.ts'

describe('made captions', async () => {
  const names = ['Ann Lee', 'Bob Ray', 'Cy Fox']
  const gazetteer = await gazetteerOf(...names, 'Ann Ohlund', 'Pat Ellingsen')

  it('name who they are to name, and no photographer', () => {
    const random = xoroshiro128plus(1)
    for (let i = 0; i < 100; i++) {
      const given = shuffled(names, random).slice(0, 1 + i % 3)
      expect(findNames(makeCaption(given, random), gazetteer).map(({ text }) => text)).toEqual(given)
    }
  })

  it('place two people', () => {
    const random = xoroshiro128plus(1)
    for (let i = 0; i < 50; i++) {
      const caption = makePlacedCaption('Ann Lee', 'Bob Ray', random)
      const found = findNames(caption, gazetteer)
      const places = new Map(cuesOf(caption, found).map(({ position }, n) => [found[n]!.text, position]))
      expect([undefined, 'left', 'listed'], caption).toContain(places.get('Ann Lee')?.at)
      expect(['right', 'listed'], caption).toContain(places.get('Bob Ray')?.at)
    }
  })

  it('are the same for the same seed', () => {
    const make = (): string[] => { const random = xoroshiro128plus(5); return Array.from({ length: 9 }, () => makeCaption(names, random)) }
    expect(make()).toEqual(make())
    expect(new Set(make()).size).toBeGreaterThan(1)
  })
})

it('measures members, strangers, homonyms and places; the right name helps', async () => {
  const axis = (i: number): number[] => Array.from({ length: 16 }, (_, n) => n === i ? 1 : 0)
  const kb = {
    ...kbOfVectors(Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`Q${i + 1}`, { face: [axis(i)] }]))),
    calibration: {
      intercept: 0,
      terms: [{ feature: 'similarity', weight: 1, mean: 0.4, scale: 0.03, min: -1, max: 1 }],
      linkFrom: 0.7,
      ambiguousFrom: 0.5,
      targetFpir: 0.01,
      entities: 8,
      pairs: { intercept: -9, similarity: 36, cohortMean: 0, linkFrom: 2.2 }
    } as unknown as Calibration
  }
  const named = { ...kb, names: async () => await gazetteerOf(...Array.from({ length: 8 }, (_, i) => `Name of Q${i + 1}`)) }
  const answer = (entityId: string | null, face: number[], i: number): EncodedQuery => ({
    query: { image: `${i}.jpg`, path: `${i}.jpg`, box: null, entityId, file: 'queries.jsonl' }, mention: mentionOf(face)
  })
  const members = Array.from({ length: 8 }, (_, i) => answer(`Q${i + 1}`, axis(i).map((x, n) => n === i ? 0.36 : n === 15 ? 0.933 : x), i))
  const strangers = Array.from({ length: 10 }, (_, i) => answer(null, axis(14), 100 + i))
  const unusable = [answer('Q99', axis(1), 300), { ...answer('Q1', [], 301), mention: null }]
  const report = await measureCaptions(named, [...members, ...strangers, ...unusable])
  expect(report.members.every(({ members: count }) => count === 8)).toBe(true)
  expect(report.members[0]).toMatchObject({ captions: 'none', right: 0, wrong: 0 })
  expect(report.members[1]).toMatchObject({ right: 1, wrong: 0 })
  expect(report.strangers.map(({ photos, linked }) => [photos, linked])).toEqual(Array.from({ length: 5 }, () => [10, 0]))
  expect(report.homonyms).toMatchObject({ pairs: 8, right: 1, rightOfLinked: 1 })
  expect(report.places).toMatchObject({ pairs: 8, right: 1, exchanged: 0 })
  expect(await measureCaptions(named, [...members, ...strangers])).toEqual(await measureCaptions(named, [...members, ...strangers]))
})
