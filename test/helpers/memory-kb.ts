// A KnowledgeBase in memory with flat search, for tests of the stages after it.
import { createGazetteer } from '../../src/captions/gazetteer.ts'
import type { KnowledgeBase } from '../../src/kb/types.ts'
import type { EncodedMention, Entity, Neighbour, Space } from '../../src/types.ts'
import { dot, normalize } from '../../src/math/vector.ts'

export interface MemoryEntity extends Entity {
  /** L2-normalised vectors per space; the best of several counts. */
  readonly vectors: { readonly [S in Space]?: readonly Float32Array[] }
}

export function memoryKb (
  entities: readonly MemoryEntity[],
  more: Partial<Pick<KnowledgeBase, 'fusion' | 'decision' | 'info' | 'cohortMean'>> = {}
): KnowledgeBase {
  const byId = new Map(entities.map(e => [e.id, e]))
  const widthOf = (space: Space): number | undefined => entities.flatMap(e => e.vectors[space] ?? [])[0]?.length
  const best = (entity: MemoryEntity, space: Space, embedding: Float32Array): number => {
    const vectors = entity.vectors[space] ?? []
    return vectors.length === 0 ? NaN : Math.fround(Math.max(...vectors.map(v => dot(v, embedding))))
  }
  const spaces = (['face', 'name', 'name_description'] as const).filter(space => widthOf(space) !== undefined)
  return {
    info: { name: 'memory', version: '1', entities: entities.length },
    decision: { threshold: 0.5, ambiguousMargin: 0.05, measuredOn: 'nothing' },
    dims: Object.fromEntries(spaces.map(space => [space, widthOf(space)!])),
    search: async (space, embedding, k) =>
      entities
        .map((entity): Neighbour => ({ entity, similarity: best(entity, space, embedding) }))
        .filter(n => !Number.isNaN(n.similarity))
        .sort((a, b) => b.similarity - a.similarity)
        .slice(0, k),
    similarities: async (space, embedding, wanted) => Float32Array.from(wanted, e => best(byId.get(e.id)!, space, embedding)),
    vectors: async (space, { id }) => [...(byId.get(id)?.vectors[space] ?? [])],
    cohortMean: async () => null,
    entity: id => byId.get(id),
    names: async () => await createGazetteer(entities),
    close: async () => {},
    ...more
  }
}

/** Vectors per entity and space; they are normalised here. */
export type Vectors = Readonly<Record<string, { readonly [S in Space]?: ReadonlyArray<readonly number[]> }>>

export function kbOfVectors (vectors: Vectors, decision = { threshold: 0.5, ambiguousMargin: 0.02, measuredOn: 'nothing' }): KnowledgeBase {
  const unit = (list: ReadonlyArray<readonly number[]>): Float32Array[] => list.map(v => normalize(Float32Array.from(v)))
  return memoryKb(Object.entries(vectors).map(([id, spaces]) => ({
    id,
    name: `Name of ${id}`,
    description: '',
    aliases: [],
    vectors: Object.fromEntries(Object.entries(spaces).map(([space, list]) => [space, unit(list)]))
  })), { decision })
}

const POINT = { x: 0, y: 0 }

export function mentionOf (face: readonly number[], context?: readonly number[], box = { x1: 0, y1: 0, x2: 10, y2: 10 }): EncodedMention {
  return {
    box,
    landmarks: [POINT, POINT, POINT, POINT, POINT],
    detectionScore: 0.9,
    quality: { faceSizePx: 10, sharpness: 100 },
    face: normalize(Float32Array.from(face)),
    ...(context !== undefined && { context: normalize(Float32Array.from(context)) })
  }
}
