import { expect, test } from 'vitest'
import { dateEvidence } from '../../../src/link/hints/date.ts'

const entity = { id: 'Q1', name: '', description: '', aliases: [], birthYear: 1900, deathYear: 1950 }

test.each([[null, 0], [1899, -8], [1900, 0], [1925, 0], [1950, 0], [1951, -5]] as const)('a photo of %s', (year, evidence) => {
  expect(dateEvidence(entity, year)).toBe(evidence)
})

test('where the index has no years, a date says nothing', () => {
  expect(dateEvidence({ id: 'Q1', name: '', description: '', aliases: [] }, 1800)).toBe(0)
})
