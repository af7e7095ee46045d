import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { dot } from '../../src/math/vector.ts'
import { readIndex } from '../../src/kb/search/read-index.ts'
import { createScaleSet, SYNTHETIC } from './scale-set.ts'
import { writeIndex } from '../../src/kb/build/write-index.ts'
import { content, seededEntities, seededVectors, temporaryFolder } from './build-small-index.ts'

test('real faces come first, the rest are named mixtures of two of them, the same every time', async () => {
  const folder = await temporaryFolder()
  const vectors = seededVectors(6)
  await writeIndex(join(folder, 'real'), content(seededEntities(5), vectors, [0, 0, 1, 2, 3, 4]))
  const persons = join(folder, 'persons.tsv.gz')
  await writeFile(
    persons,
    gzipSync(['qid\tname\tdescription\taliases', 'Q1\tknown', 'Q71\tA\tactor\tB|C', 'broken', 'Q72\tD', 'Q73\tE'].join('\n'))
  )
  const real = await readIndex(join(folder, 'real'))
  const set = await createScaleSet({ persons, real, size: 7, seed: 1 })
  expect(set.entities.slice(5)).toEqual([
    { id: 'Q71', name: 'A', description: `actor ${SYNTHETIC}`, aliases: ['B', 'C'] },
    { id: 'Q72', name: 'D', description: SYNTHETIC, aliases: [] }
  ])
  const { entityRows, read } = set.spaces.face!
  expect([...entityRows]).toEqual([0, 0, 1, 2, 3, 4, 5, 6])
  expect(dot(await read(1), vectors[1]!)).toBeGreaterThan(0.999)
  const made = await read(7)
  expect(dot(made, made)).toBeCloseTo(1, 5)
  expect(Math.max(...vectors.map(v => dot(v, made)))).toBeGreaterThan(0.6)
  expect(await (await createScaleSet({ persons, real, size: 7, seed: 1 })).spaces.face!.read(7)).toEqual(made)
  const small = await createScaleSet({ persons, real, size: 2, seed: 1 })
  expect([...small.spaces.face!.entityRows]).toEqual([0, 0, 1])
  expect(small.entities).toHaveLength(2)
})
