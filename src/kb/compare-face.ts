// What the knowledge base says of a new reference: sentences for the person who adds it.
import { dot } from '../math/vector.ts'
import { DUPLICATE_FROM } from './build/duplicate-faces.ts'
import type { KnowledgeBase } from './types.ts'

/** Above the threshold of the decision by this much, a face of another entity is remarkable. */
const REMARKABLE = 0.15
/** Entities of a note. */
const NAMED = 3

/** @param face L2-normalised float32, a new reference of entity `id`. @returns a note for each contradiction to what is there. */
export async function compareFace (
  kb: Pick<KnowledgeBase, 'decision' | 'dims' | 'search' | 'vectors' | 'blocked'>, id: string, face: Float32Array
): Promise<string[]> {
  const { decision: { threshold }, dims, blocked } = kb
  if (dims.face !== face.length) return []
  const least = Math.min(DUPLICATE_FROM, threshold + REMARKABLE)
  const found = await kb.search('face', face, NAMED + 1)
  const near = found.filter(({ entity, similarity }) => entity.id !== id && similarity >= least && blocked?.has(entity.id) !== true)
  const own = await kb.vectors('face', { id })
  const nearest = Math.max(...own.map(vector => dot(vector, face)))
  return [
    ...near.slice(0, NAMED).map(({ entity: { id, name }, similarity }) => {
      return `nearly the face of ${id} (${name}): similarity ${similarity.toFixed(2)}`
    }),
    ...own.length > 0 && nearest < threshold / 2 ? [`unlike the person's other photos: similarity ${nearest.toFixed(2)} at most`] : []
  ]
}
