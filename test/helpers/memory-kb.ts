// A KnowledgeBase held in memory and searched exactly: our own port, for tests of what comes after the search.
import type { KnowledgeBase } from '../../src/ports.ts'
import type { Entity, Neighbour, Space } from '../../src/types.ts'
import { dot } from '../../src/math/vector.ts'

export interface MemoryEntity extends Entity {
  /** L2-normalised vectors per space; several in one space count by their best. */
  readonly vectors: { readonly [S in Space]?: readonly Float32Array[] }
}

export function memoryKb (entities: readonly MemoryEntity[], more: Partial<Pick<KnowledgeBase, 'fusion' | 'decision' | 'info'>> = {}): KnowledgeBase {
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
    search: async (space, embedding, k) => entities
      .map((entity): Neighbour => ({ entity, similarity: best(entity, space, embedding) }))
      .filter(n => !Number.isNaN(n.similarity))
      .sort((a, b) => b.similarity - a.similarity)
      .slice(0, k),
    similarities: async (space, embedding, wanted) => Float32Array.from(wanted, e => best(byId.get(e.id)!, space, embedding)),
    entity: id => byId.get(id),
    close: async () => {},
    ...more
  }
}
