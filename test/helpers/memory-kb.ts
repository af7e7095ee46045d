// A small knowledge base of given vectors behind the project's own port: exact, in memory.
import type { KnowledgeBase } from '../../src/ports.ts'
import type { EncodedMention, Entity, Space } from '../../src/types.ts'
import { dot, normalize } from '../../src/math/vector.ts'

/** Vectors per entity and space; they are normalised here. */
export type Vectors = Readonly<Record<string, { readonly [S in Space]?: ReadonlyArray<readonly number[]> }>>

export function memoryKb (vectors: Vectors, decision = { threshold: 0.5, ambiguousMargin: 0.02, measuredOn: 'nothing' }): KnowledgeBase {
  const entities = new Map(Object.keys(vectors).map((id): [string, Entity] => [id, { id, name: `Name of ${id}`, description: '', aliases: [] }]))
  const unit = (space: Space, id: string): Float32Array[] => (vectors[id]?.[space] ?? []).map(v => normalize(Float32Array.from(v)))
  const best = (space: Space, id: string, query: Float32Array): number => Math.max(...unit(space, id).map(v => dot(v, query)))
  const dimsOf = (space: Space): number | undefined => Object.keys(vectors).flatMap(id => unit(space, id))[0]?.length
  const spaces = (['face', 'name', 'name_description'] as const).flatMap(s => dimsOf(s) === undefined ? [] : [[s, dimsOf(s)!]])
  return {
    info: { name: 'memory', version: '1', entities: entities.size },
    dims: Object.fromEntries(spaces) as KnowledgeBase['dims'],
    decision,
    async search (space, embedding, k) {
      const all = [...entities.values()].filter(e => unit(space, e.id).length > 0).map(entity => ({ entity, similarity: best(space, entity.id, embedding) }))
      return all.sort((a, b) => b.similarity - a.similarity).slice(0, k)
    },
    async similarities (space, embedding, of) {
      return Float32Array.from(of, e => unit(space, e.id).length === 0 ? NaN : best(space, e.id, embedding))
    },
    vectors: async (space, { id }) => unit(space, id),
    entity: id => entities.get(id),
    close: async () => {}
  }
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
