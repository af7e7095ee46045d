import { expect, test } from 'vitest'
import { evaluate } from '../../src/eval/evaluate.ts'
import type { EncodedQueries } from '../../src/eval/data/encode-queries.ts'
import { kbOfVectors, mentionOf } from '../helpers/memory-kb.ts'

test('a blocked person counts as one that the index does not have', async () => {
  const kb = kbOfVectors({ Q1: { face: [[1, 0]] }, Q2: { face: [[0.9, 0.1]] }, Q3: { face: [[0, 1]] } })
  const answers = [['Q1', [1, 0]], ['Q3', [0, 1]]].map(([entityId, face]) => ({
    query: { entityId, path: String(entityId), box: null }, mention: mentionOf(face as number[])
  }))
  const encoded = { answers } as unknown as EncodedQueries
  const about = { counts: { files: [] }, models: 'none' } as unknown as Parameters<typeof evaluate>[2]
  const report = async (blocked: string[]): Promise<object> => {
    const { created, ...rest } = await evaluate({ ...kb, blocked: new Set(blocked) }, encoded, about, { clip: false, sweeps: true })
    return rest
  }
  expect(await report([])).not.toEqual(await report(['Q1']))
  expect(await report(['Q1'])).toEqual(await report(['Q1', 'Q77']))
})
