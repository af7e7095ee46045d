import { expect, it } from 'vitest'
import { normalize } from '../../../src/math/vector.ts'
import { findHubs } from '../../../src/kb/search/hubs.ts'
import { tableOf } from '../../../src/kb/search/vector-table.ts'
import { DIMS, seededVectors } from '../../helpers/build-small-index.ts'

it('finds a reference that is near to all others, and none among references at random', () => {
  // Faces have a common direction; the hub is that direction.
  const common = seededVectors(1, 9)[0]!
  const faces = seededVectors(400).map(v => normalize(v.map((x, d) => x + 0.6 * common[d]!)))
  const rows = Uint32Array.from(faces.keys())
  const without = findHubs({ table: tableOf('int8', seededVectors(400), DIMS), entityRows: rows })
  expect([without.hubs, without.mean, without.sampled]).toEqual([[], 10, 400])
  faces[17] = common
  const { hubs, mean } = findHubs({ table: tableOf('int8', faces, DIMS), entityRows: rows })
  expect(mean).toBe(10)
  expect(hubs[0]).toMatchObject({ row: 17, vector: 17 })
  expect(hubs[0]!.occurrences).toBeGreaterThan(100)
})

it('does not count references of the same entity, and takes empty and small indexes', () => {
  const faces = seededVectors(20)
  const table = tableOf('int8', faces, DIMS)
  expect(findHubs({ table, entityRows: new Uint32Array(20) })).toEqual({ hubs: [], sampled: 20, mean: 0 })
  expect(findHubs({ table: tableOf('int8', [], DIMS), entityRows: new Uint32Array() })).toEqual({ hubs: [], sampled: 0, mean: 0 })
})
