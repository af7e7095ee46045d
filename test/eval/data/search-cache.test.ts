import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import type { KnowledgeBase } from '../../../src/kb/types.ts'
import { withSearchCache } from '../../../src/eval/data/search-cache.ts'
import { kbOfVectors } from '../../helpers/memory-kb.ts'

let file: string
beforeEach(async () => { file = join(await mkdtemp(join(tmpdir(), 'vel-searches-')), 'sub', 'searches.json') })

const queries = [[1, 0], [0.6, 0.8], [0, 1]].map(v => Float32Array.from(v))

/** Counts the searches that reach the index. */
function counting (kb: KnowledgeBase): KnowledgeBase & { searches: number } {
  const counted = {
    ...kb,
    searches: 0,
    search: async (...args: Parameters<KnowledgeBase['search']>) => {
      counted.searches++
      return await kb.search(...args)
    }
  }
  return counted
}

const vectors = { Q1: { face: [[1, 0]] }, Q2: { face: [[0, 1]] } }

async function run (kb: KnowledgeBase, k = 2): Promise<unknown[]> {
  const cached = await withSearchCache(kb, file)
  const found = []
  for (const query of queries) found.push(await cached.search('face', query, k))
  await cached.save()
  return found
}

describe('the cache of searches', () => {
  it('answers as the index does, asking it once to be sure', async () => {
    const first = await run(kbOfVectors(vectors))
    const again = counting(kbOfVectors(vectors))
    expect(await run(again)).toEqual(first)
    expect(again.searches).toBe(1)
    const deeper = counting(kbOfVectors(vectors))
    await run(deeper, 1)
    expect(deeper.searches).toBe(3)
  })

  it('passes on everything else of the index', async () => {
    const kb = {
      ...kbOfVectors(vectors),
      fusion: { normalisation: 'z-score', face: 0.8, text: 0.2 } as const,
      cohortMean: async () => 0.25
    }
    const cached = await withSearchCache(kb, file)
    expect(cached).toMatchObject({ fusion: kb.fusion, decision: kb.decision, info: kb.info })
    expect(await cached.cohortMean({ id: 'Q1' })).toBe(0.25)
  })

  it('forgets all where the index answers otherwise', async () => {
    await run(kbOfVectors(vectors))
    const changed = kbOfVectors({ ...vectors, Q2: { face: [[-1, 0.1]] } })
    expect(await run(changed)).toEqual(await Promise.all(queries.map(async q => await changed.search('face', q, 2))))
  })

  it('asks again for an entity that is no longer there, and keeps no long answers', async () => {
    await run(kbOfVectors(vectors))
    expect(await run(kbOfVectors({ Q1: vectors.Q1 }))).toHaveLength(3)
    const long = counting(kbOfVectors(vectors))
    await run(long, 101)
    await run(long, 101)
    expect(long.searches).toBe(6)
  })

  it('takes a torn file for none', async () => {
    await run(kbOfVectors(vectors))
    await writeFile(file, '[["face')
    const kb = counting(kbOfVectors(vectors))
    await run(kb)
    expect(kb.searches).toBe(3)
  })
})
