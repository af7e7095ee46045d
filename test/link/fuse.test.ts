import { describe, expect, test } from 'vitest'
import { EQUAL_WEIGHTS, fuse } from '../../src/link/fuse.ts'
import type { Ranked } from '../../src/link/retrieve.ts'

const candidate = (id: string, similarity: Ranked['similarity']): Ranked =>
  ({ entity: { id, name: id, description: '', aliases: [] }, score: 0, similarity })
const fusedOf = (list: readonly Ranked[], weights = EQUAL_WEIGHTS): Array<[string, number]> =>
  fuse(list, weights).map(c => [c.entity.id, c.score])

describe('fuse', () => {
  test('sums z-scores by weight', () => {
    // Face: mean 0.4, sd 0.2. Text: mean 0.25, sd 0.05.
    const list = [candidate('a', { face: 0.6, text: 0.2 }), candidate('b', { face: 0.2, text: 0.3 })]
    const scores = fusedOf(list, { face: 0.75, text: 0.25 })
    expect(scores[0]![0]).toBe('a')
    expect(scores[0]![1]).toBeCloseTo(0.75 * 1 + 0.25 * -1, 9)
    expect(scores[1]![1]).toBeCloseTo(0.75 * -1 + 0.25 * 1, 9)
  })

  test('does not depend on the scale or the offset of a modality', () => {
    const pairs = [[0.9, 0.21], [0.5, 0.29], [0.4, 0.2], [0.1, 0.24]]
    const list = pairs.map(([face, text], i) => candidate(`${i}`, { face: face!, text: text! }))
    const stretched = list.map(c => ({ ...c, similarity: { face: c.similarity.face!, text: c.similarity.text! * 3 - 0.5 } }))
    fusedOf(stretched).forEach(([id, score], i) => {
      expect(id).toBe(fusedOf(list)[i]![0])
      expect(score).toBeCloseTo(fusedOf(list)[i]![1], 9)
    })
  })

  test('counts a candidate without a similarity as an average one', () => {
    const list = [candidate('a', { face: 0.6 }), candidate('b', { text: 0.3 }), candidate('c', { face: 0.2, text: 0.2 })]
    const scores = Object.fromEntries(fusedOf(list))
    expect(scores).toEqual({ a: expect.closeTo(0.5, 9), b: expect.closeTo(0.5, 9), c: expect.closeTo(-1, 9) })
  })

  test('keeps the order of candidates with equal similarities, with finite scores', () => {
    expect(fusedOf([candidate('a', { face: 0.3, text: 0.2 }), candidate('b', { face: 0.3, text: 0.2 })])).toEqual([['a', 0], ['b', 0]])
    expect(fusedOf([candidate('a', { face: 0.3 })])).toEqual([['a', 0]])
    expect(fusedOf([])).toEqual([])
  })
})
