import { describe, expect, it } from 'vitest'
import { createCohort } from '../../../src/kb/search/cohort.ts'
import { createKnowledgeBase, openIndex } from '../../../src/kb/search/open-index.ts'
import { readIndex } from '../../../src/kb/search/read-index.ts'
import { tableOf } from '../../../src/kb/search/vector-table.ts'
import { writeIndex } from '../../../src/kb/build/write-index.ts'
import { dot, normalize } from '../../../src/math/vector.ts'
import { content, DIMS, seededEntities, seededVectors, temporaryFolder } from '../../helpers/build-small-index.ts'

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length
const cohortOf = (vectors: readonly Float32Array[], rows = vectors.map((_, i) => i)): ReturnType<typeof createCohort> => {
  return createCohort({ table: tableOf('float32', vectors, DIMS), entityRows: Uint32Array.from(rows) })
}

describe('createCohort', () => {
  const vectors = seededVectors(300)

  it('is the mean cosine of the fifty nearest others, minus that of an average face', () => {
    const nearest = (v: Float32Array, own: number): number => {
      return mean(vectors.flatMap((other, i) => i === own ? [] : [dot(v, other)]).sort((a, b) => b - a).slice(0, 50))
    }
    const average = mean(vectors.flatMap((v, i) => i % 3 === 0 ? [nearest(v, i)] : []))
    const cohort = cohortOf(vectors)!
    for (const row of [0, 17, 299]) expect(cohort.mean([vectors[row]!], row)).toBeCloseTo(nearest(vectors[row]!, row) - average, 2)
    const two = [vectors[3]!, vectors[4]!]
    expect(cohort.mean(two, null)).toBeCloseTo(mean(two.map(v => nearest(v, -1))) - average, 2)
    expect(cohort.mean([], 5)).toBeNull()
  })

  it('is higher for a face near the centre of all', () => {
    const crowd = vectors.map(v => normalize(v.map((x, d) => x + (d === 0 ? 2 : 0))))
    const middle = normalize(Float32Array.from({ length: DIMS }, (_, d) => d === 0 ? 1 : 0))
    const apart = normalize(middle.map(x => -x))
    const cohort = cohortOf(crowd)!
    expect(cohort.mean([middle], null)!).toBeGreaterThan(0)
    expect(cohort.mean([apart], null)!).toBeLessThan(0)
  })

  it('ignores other photos of the same person', () => {
    const twins = vectors.map((v, i) => i < 60 ? vectors[0]! : v)
    const rows = twins.map((_, i) => i < 60 ? 0 : i)
    expect(cohortOf(twins, rows)!.mean([twins[0]!], 0)!).toBeLessThan(cohortOf(twins, rows)!.mean([twins[0]!], null)! - 0.3)
  })

  it('is null for small indexes', () => {
    expect(cohortOf(vectors.slice(0, 199))).toBeNull()
  })
})

describe('an opened index', () => {
  const entities = 260
  // The first ten have two faces each, the last twenty none.
  const rows = Array.from({ length: entities - 20 }, (_, row) => row < 10 ? [row, row] : [row]).flat()
  const vectors = seededVectors(rows.length)
  const write = async (count: number): Promise<string> => {
    const folder = `${await temporaryFolder()}/index`
    await writeIndex(folder, content(seededEntities(entities), vectors.slice(0, count), rows.slice(0, count)))
    return folder
  }

  it('has the cohort means that the build wrote, of entities with a face', async () => {
    const parts = await readIndex(await write(rows.length))
    const kb = createKnowledgeBase(parts)
    const cohort = cohortOf(vectors, rows)!
    const ofRow = (row: number): number => cohort.mean(vectors.filter((_, i) => rows[i] === row), row)!
    expect(parts.spaces.face!.cohortMeans).toHaveLength(entities)
    for (const row of [0, 7, 9, 10, 64, 239]) {
      const faces = vectors.filter((_, i) => rows[i] === row)
      expect(await kb.cohortMean({ id: `Q${row + 1}` })).toBeCloseTo(ofRow(row), 2)
      expect(await kb.cohortMean({ id: `Q${row + 1}` })).toBeCloseTo(kb.cohortMeanOf(`Q${row + 1}`, faces)!, 2)
    }
    expect(await kb.cohortMean({ id: 'Q251' })).toBeNull()
    expect(await kb.cohortMean({ id: 'Q999' })).toBeNull()
    expect(kb.cohortMeanOf('Q8', [vectors[19]!])).toBeCloseTo(cohort.mean([vectors[19]!], 7)!, 2)
  })

  it('has none where there are few faces, and no file of them', async () => {
    const kb = await openIndex(await write(100), {})
    expect(Object.keys(kb.manifest.files)).not.toContain('face.usual')
    expect(await kb.cohortMean({ id: 'Q8' })).toBeNull()
  })
})
