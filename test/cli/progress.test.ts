import { expect, test } from 'vitest'
import { createRate } from '../../src/cli/progress.ts'

test('the rate is of the last half minute, and not of what an earlier run had done', () => {
  const rate = createRate()
  expect(rate(0, 0)).toBe('–')
  // 5,000 are known at once.
  rate(5000, 100)
  for (let s = 1; s <= 60; s++) rate(5000 + 20 * s, 100 + 1000 * s)
  expect(rate(5000 + 20 * 61, 61_100)).toBe('20')
  const slow = createRate()
  slow(0, 0)
  expect(slow(5, 2000)).toBe('2.5')
})
