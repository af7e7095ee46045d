import { expect, test } from 'vitest'
import { countShown, fitShown } from '../../../src/eval/calibrate/shown.ts'
import type { EncodedQuery } from '../../../src/eval/data/encode-queries.ts'
import { SHOWN } from '../../../src/link/hints/priors.ts'
import { memoryKb, mentionOf } from '../../helpers/memory-kb.ts'

const named = (id: string, name: string) => ({ id, name, description: '', aliases: [], vectors: {} })
const kb = memoryKb([named('Q1', 'Bill Frist'), named('Q2', 'Olympia Snowe'), named('Q3', 'Ike Skelton')])

const answer = (image: string, entityId: string | null, caption?: string): EncodedQuery => ({
  query: { image, path: image, box: null, entityId, file: 'q.jsonl', ...(caption !== undefined && { caption }) },
  mention: mentionOf([1])
})

test('counts of the named people those whom a query of the photo asks for', async () => {
  const counts = await countShown(kb, [
    answer('a.jpg', 'Q1', 'Bill Frist and Olympia Snowe'),
    answer('a.jpg', 'Q2', 'Bill Frist and Olympia Snowe'),
    answer('b.jpg', 'Q1', 'Sen. Frist with Ike Skelton, not pictured'),
    answer('c.jpg', null, 'A visitor and Ike Skelton'),
    answer('d.jpg', 'Q3')
  ])
  expect(Object.fromEntries(counts)).toEqual({ name: { named: 3, shown: 2 }, surname: { named: 1, shown: 1 } })
})

test('few captions hardly move a share, many do, and none leave the defaults', () => {
  expect(fitShown(new Map())).toBeUndefined()
  const fit = (count: number): number => fitShown(new Map([['name', { named: count, shown: count / 2 }]]))!.name!
  expect(fit(2)).toBeCloseTo((1 + 20 * SHOWN.name) / 22, 10)
  expect(fit(2000)).toBeCloseTo(0.5, 2)
})
