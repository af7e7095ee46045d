import { expect, test } from 'vitest'
import { priorsOf } from '../../../src/link/hints/priors.ts'
import type { NamedPerson, ResolvedHints } from '../../../src/link/hints/resolve.ts'
import type { Entity } from '../../../src/types.ts'
import { mentionOf } from '../../helpers/memory-kb.ts'

const entity = (id: string): Entity => ({ id, name: id, description: '', aliases: [] })
const person = (id: string, more: Partial<NamedPerson> = {}): NamedPerson => ({
  bearers: [entity(id)], count: 1, kind: 'name', isAgainst: false, ...more
})
const hints = (people: NamedPerson[], listed: string[] = []): ResolvedHints => ({
  names: [],
  people,
  shortlist: listed.length === 0 ? null : { entities: listed.map(entity), unknown: [], withoutFace: [] },
  mode: 'prefer',
  takenIn: null
})
/** Faces from left to right, of these sizes. */
const faces = (...sizes: number[]): Array<ReturnType<typeof mentionOf>> => sizes.map((faceSizePx, i) => ({
  ...mentionOf([1, 0], undefined, { x1: 100 * i, x2: 100 * i + 50, y1: 0, y2: 50 }), quality: { faceSizePx, sharpness: 1 }
}))
const weights = (position: NamedPerson['position'], ...sizes: number[]): number[] =>
  priorsOf(hints([person('Q1', { position })]), faces(...sizes)).map(({ caption }) => caption.get('Q1')!)

test.each([
  undefined, { at: 'left' }, { at: 'center' }, { at: 'right' }, { at: 'fromLeft', nth: 2 }, { at: 'fromRight', nth: 9 },
  { at: 'listed', nth: 2, of: 3 },
  { at: 'listed', nth: 1, of: 1 }
] as const)('the places of one person sum to how likely the person is shown: %j', position => {
  for (const sizes of [[50], [50, 50], [10, 90, 40, 30]]) {
    expect(weights(position, ...sizes).reduce((a, b) => a + b, 0)).toBeCloseTo(0.8, 9)
  }
})

test('a larger face is named more often', () => {
  const [small, large] = weights(undefined, 20, 80)
  expect(large! / small!).toBeCloseTo(4, 9)
})

test('a cue is likeliest at its place', () => {
  const best = (position: NamedPerson['position']): number => {
    const all = weights(position, 50, 50, 50)
    return all.indexOf(Math.max(...all))
  }
  expect([{ at: 'left' }, { at: 'center' }, { at: 'right' }].map(position => best(position as NamedPerson['position']))).toEqual([0, 1, 2])
  expect([1, 2, 3, 9].map(nth => best({ at: 'fromLeft', nth }))).toEqual([0, 1, 2, 2])
  expect([1, 2, 3, 9].map(nth => best({ at: 'fromRight', nth }))).toEqual([2, 1, 0, 0])
  expect([1, 2, 3].map(nth => best({ at: 'listed', nth, of: 3 }))).toEqual([0, 1, 2])
})

test('all priors of a face together leave room for somebody who is not named', () => {
  const many = Array.from({ length: 40 }, (_, i) => person(`Q${i}`))
  const [{ caption }] = priorsOf(hints(many), faces(50)) as [ReturnType<typeof priorsOf>[number]]
  expect([...caption.values()].reduce((a, b) => a + b, 0)).toBeCloseTo(0.8, 9)
})

test('a name that many bear, a surname and a cue against say less', () => {
  const [{ caption }] = priorsOf(hints([
    person('Q1', { count: 10 }), person('Q2', { kind: 'surname' }), person('Q3', { isAgainst: true })
  ]), faces(50)) as [ReturnType<typeof priorsOf>[number]]
  expect([...caption.values()].map(p => Number(p.toFixed(3)))).toEqual([0.08, 0.3, 0.05])
})

test('a shortlist is shared by its people, on each face', () => {
  for (const { shortlist } of priorsOf(hints([], ['Q1', 'Q2']), faces(50, 50))) expect([...shortlist.values()]).toEqual([0.35, 0.35])
})

test('no face, no prior', () => { expect(priorsOf(hints([person('Q1')]), [])).toEqual([]) })
