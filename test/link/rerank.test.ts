import { describe, expect, test } from 'vitest'
import { rerank } from '../../src/link/rerank.ts'
import type { Ranked } from '../../src/link/retrieve.ts'

const candidate = (id: string, face: number, text?: number): Ranked => ({
  entity: { id, name: id, description: '', aliases: [] }, score: face, similarity: { face, ...(text === undefined ? {} : { text }) }
})
const found = [candidate('a', 0.9, 0.1), candidate('b', 0.8), candidate('c', 0.7, 0.3), candidate('d', 0.6, 0.3), candidate('e', 0.5, 0.9)]
const order = (k: number): string => rerank(found, 'text', k).map(c => c.entity.id).join('')

describe('rerank', () => {
  const orders = [[1, 'abcde'], [2, 'abcde'], [3, 'cabde'], [4, 'cdabe'], [5, 'ecdab'], [99, 'ecdab']] as const
  test.each(orders)('of the first %i orders %s', (k, expected) => {
    expect(order(k)).toBe(expected)
  })

  test('scores the rescored by the second similarity, all others by the first minus two', () => {
    expect(rerank(found, 'text', 3).map(c => c.score)).toEqual([0.3, 0.1, 0.8 - 2, 0.6 - 2, 0.5 - 2])
  })

  test('does not change its input', () => {
    const before = structuredClone(found)
    rerank(found, 'text', 5)
    expect(found).toEqual(before)
  })
})
