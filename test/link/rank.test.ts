import { describe, expect, test } from 'vitest'
import { dot, normalize } from '../../src/math/vector.ts'
import { rankCandidates } from '../../src/link/rank.ts'
import type { RankingPlan } from '../../src/link/plan.ts'
import { ORDERS, type Candidate } from '../../src/types.ts'
import { memoryKb, type MemoryEntity } from '../helpers/memory-kb.ts'

/** Entities with both vectors, with a face alone and with a text alone, from a fixed sequence. */
const COUNT = 24
const numbers = sequence(7)
const vector = (length: number): Float32Array => normalize(Float32Array.from({ length }, () => numbers()))
const entities: MemoryEntity[] = Array.from({ length: COUNT }, (_, i) => ({
  id: `Q${i + 1}`,
  name: `person ${i + 1}`,
  description: '',
  aliases: [],
  vectors: {
    ...(i % 6 === 4 ? {} : { face: i % 5 === 0 ? [vector(16), vector(16)] : [vector(16)] }),
    ...(i % 6 === 5 ? {} : { name_description: [vector(8)] })
  }
}))
const kb = memoryKb(entities)
const mention = { face: vector(16), context: vector(8) }
const plan: RankingPlan = { mode: 'v2vt', order: 'fusion', rerankK: 10, topK: COUNT, textSpace: 'name_description' }
const ranks = Array.from({ length: COUNT + 1 }, (_, i) => i + 1)

/** The definitions by brute force over every entity, written independently of the code. */
const face = (e: MemoryEntity): number | undefined =>
  e.vectors.face === undefined ? undefined : Math.max(...e.vectors.face.map(v => dot(v, mention.face)))
const text = (e: MemoryEntity): number | undefined =>
  e.vectors.name_description === undefined ? undefined : dot(e.vectors.name_description[0]!, mention.context)
type Similarity = (e: MemoryEntity) => number | undefined
const having = (similarity: Similarity): MemoryEntity[] =>
  entities.filter(e => similarity(e) !== undefined).sort((a, b) => similarity(b)! - similarity(a)!)
const ids = (list: ReadonlyArray<{ id: string }>): string[] => list.map(e => e.id)
const idsOf = (candidates: readonly Candidate[]): string[] => candidates.map(c => c.entity.id)

function reranked (first: Similarity, second: Similarity, k: number): string[] {
  const list = having(first)
  const top = new Set(list.slice(0, k))
  return ids([...having(second).filter(e => top.has(e)), ...list.filter(e => top.has(e) && second(e) === undefined), ...list.slice(k)])
}

function fused (k: number, weights = { face: 0.5, text: 0.5 }): Array<[string, number]> {
  const union = [...new Set([...having(face).slice(0, k), ...having(text).slice(0, k)])]
  const z = (similarity: Similarity): Similarity => {
    const values = union.map(similarity).filter(s => s !== undefined)
    const mean = values.reduce((a, b) => a + b) / values.length
    const variance = values.map(v => v * v).reduce((a, b) => a + b) / values.length - mean * mean
    return e => similarity(e) === undefined || variance < 1e-12 ? 0 : (similarity(e)! - mean) / Math.sqrt(variance)
  }
  const [zFace, zText] = [z(face), z(text)]
  return union.map((e): [string, number] => [e.id, weights.face * zFace(e)! + weights.text * zText(e)!]).sort((a, b) => b[1] - a[1])
}

describe('v2v and v2t', () => {
  test.each(ranks)('return the nearest %i of their modality and compare nothing else', async topK => {
    const faces = await rankCandidates(kb, { face: mention.face }, { ...plan, mode: 'v2v', topK })
    expect(idsOf(faces)).toEqual(ids(having(face)).slice(0, topK))
    expect(faces.every(c => c.score === c.similarity.face && c.similarity.text === undefined)).toBe(true)
    const texts = await rankCandidates(kb, mention, { ...plan, mode: 'v2t', topK })
    expect(idsOf(texts)).toEqual(ids(having(text)).slice(0, topK))
    expect(texts.every(c => c.score === c.similarity.text && c.similarity.face === undefined)).toBe(true)
  })
})

describe.each([
  ['face-text', face, text, 'text'],
  ['text-face', text, face, 'face']
] as const)('v2vt, %s', (order, first, second, modality) => {
  test.each(ranks)('with rerankK %i gives the ranking of the definition', async rerankK => {
    const candidates = await rankCandidates(kb, mention, { ...plan, order, rerankK })
    expect(idsOf(candidates)).toEqual(reranked(first, second, rerankK))
    expect(candidates.map(c => c.rank)).toEqual(candidates.map((_, i) => i + 1))
    expect(isFalling(candidates)).toBe(true)
  })

  test('with rerankK of all entities equals the second model alone, among those that the first can find', async () => {
    const candidates = await rankCandidates(kb, mention, { ...plan, order, rerankK: COUNT })
    const alone = await rankCandidates(kb, mention, { ...plan, mode: modality === 'text' ? 'v2t' : 'v2v' })
    const expected = alone.filter(c => first(c.entity as MemoryEntity) !== undefined)
    expect(candidates.slice(0, expected.length).map(c => [c.entity.id, c.score])).toEqual(expected.map(c => [c.entity.id, c.score]))
    expect(candidates.slice(expected.length).every(c => c.similarity[modality] === undefined)).toBe(true)
  })

  test.each([1, 3, COUNT])('returns at most topK with rerankK %i, all similarities known with them', async rerankK => {
    for (const topK of ranks) {
      const candidates = await rankCandidates(kb, mention, { ...plan, order, rerankK, topK })
      expect(idsOf(candidates)).toEqual(reranked(first, second, rerankK).slice(0, topK))
      for (const { entity, similarity } of candidates) expectSimilarities(entity as MemoryEntity, similarity)
    }
  })

  test('does not look at more than the index has', async () => {
    const candidates = await rankCandidates(kb, mention, { ...plan, order, rerankK: 1e9 })
    expect(idsOf(candidates)).toEqual(reranked(first, second, COUNT))
  })
})

describe('v2vt, fusion', () => {
  test.each(ranks)('with rerankK %i gives the order and scores of the formula', async rerankK => {
    const candidates = await rankCandidates(kb, mention, { ...plan, rerankK, topK: rerankK })
    const expected = fused(rerankK).slice(0, rerankK)
    expect(idsOf(candidates)).toEqual(expected.map(([id]) => id))
    candidates.forEach((c, i) => expect(c.score).toBeCloseTo(expected[i]![1], 4))
    for (const { entity, similarity } of candidates) expectSimilarities(entity as MemoryEntity, similarity)
  })

  test.each([{ face: 1, text: 0 }, { face: 0.2, text: 0.8 }, { face: 0, text: 1 }])('weighs as the index says: %j', async fusion => {
    const candidates = await rankCandidates(memoryKb(entities, { fusion }), mention, { ...plan, rerankK: COUNT })
    fused(COUNT, fusion).forEach(([, score], i) => expect(candidates[i]!.score).toBeCloseTo(score, 4))
  })

  test('finds entities that have only one of the two', async () => {
    const found = idsOf(await rankCandidates(kb, mention, { ...plan, rerankK: COUNT }))
    expect(found.toSorted()).toEqual(ids(entities).toSorted())
  })

  test('ranks a face that stands out first, even if another text is more similar', async () => {
    const other = (x: number): Float32Array => normalize(Float32Array.of(x, 1))
    const vectorsOf = (i: number): MemoryEntity['vectors'] => ({ face: [other(i === 3 ? 3 : i % 5 / 50)], name: [other(0.2 + i / 100)] })
    const people = Array.from({ length: 20 }, (_, i): MemoryEntity =>
      ({ id: `Q${i}`, name: '', description: '', aliases: [], vectors: vectorsOf(i) }))
    const query = { face: Float32Array.of(1, 0), context: Float32Array.of(1, 0) }
    const [best] = await rankCandidates(memoryKb(people), query, { ...plan, textSpace: 'name' })
    expect(best!.entity.id).toBe('Q3')
  })
})

describe('rankCandidates', () => {
  test('returns nothing for an empty index', async () => {
    for (const order of ORDERS) expect(await rankCandidates(memoryKb([]), mention, { ...plan, order })).toEqual([])
  })

  test('returns one candidate for an index of one', async () => {
    const one = memoryKb([entities[0]!])
    for (const order of ORDERS) {
      expect(idsOf(await rankCandidates(one, mention, { ...plan, order }))).toEqual(['Q1'])
    }
  })

  test('needs the context for every mode but v2v', async () => {
    for (const mode of ['v2t', 'v2vt'] as const) {
      await expect(rankCandidates(kb, { face: mention.face }, { ...plan, mode })).rejects.toThrow(/context/)
    }
  })

  test('adds the score by face to the first two candidates in every order', async () => {
    const normalising = memoryKb(entities, { cohortMean: async ({ id }) => Number(id.slice(1)) / 100 })
    for (const order of ORDERS) {
      const first = (await rankCandidates(normalising, mention, { ...plan, order })).slice(0, 2)
      for (const { entity, similarity, faceScore, cohortMean } of first) {
        const mean = Number(entity.id.slice(1)) / 100
        expect([faceScore, cohortMean]).toEqual(similarity.face === undefined ? [undefined, undefined] : [similarity.face - mean / 2, mean])
      }
    }
  })

  test('times what it does by stage', async () => {
    const stages: string[] = []
    await rankCandidates(kb, mention, plan, async (stage, work) => {
      stages.push(stage)
      return await work()
    })
    expect(stages).toEqual(['retrieve', 'rerank'])
  })
})

function expectSimilarities (entity: MemoryEntity, similarity: Candidate['similarity']): void {
  for (const [modality, of] of [['face', face], ['text', text]] as const) {
    const expected = of(entity)
    if (expected === undefined) expect(similarity).not.toHaveProperty(modality)
    else expect(similarity[modality]).toBeCloseTo(expected, 5)
  }
}

function isFalling (candidates: readonly Candidate[]): boolean {
  return candidates.every((c, i) => i === 0 || c.score <= candidates[i - 1]!.score)
}

/** Numbers in -1..1, always the same. @see Park, Miller 1988 */
function sequence (seed: number): () => number {
  let state = seed
  return () => {
    state = state * 48271 % 2147483647
    return state / 2147483647 * 2 - 1
  }
}
