// Whether a change of another server can be taken in: what it carries must fit this index.
import type { Change } from '../changes/change.ts'
import { TEXT_SPACES } from '../../types.ts'
import { dot, fromBase64 } from '../../math/vector.ts'
import type { IndexedKnowledgeBase } from '../search/open-index.ts'

/** Rounding of float32 changes a norm by far less. */
const NORM_ERROR = 1e-3

/**
 * Requires unit vectors, of the index's width where its encoder made them, and a record of the entity itself.
 *
 * @param recipe of the face encoder that asks.
 */
export function isReceivable (one: Change, { dims, manifest }: Pick<IndexedKnowledgeBase, 'dims' | 'manifest'>, recipe: string): boolean {
  if (one.kind === 'add-image') return isUnit(one.face, one.recipe === recipe ? dims.face : undefined)
  if (one.kind !== 'put') return true
  return one.record.id === one.entity && TEXT_SPACES.every(space => {
    const text = one.texts?.[space]
    return text === undefined || isUnit(text.vector, text.recipe === manifest.spaces[space]?.encoder.recipe ? dims[space] : undefined)
  })
}

/** @param length expected number of values; undefined for any. */
function isUnit (base64: string, length: number | undefined): boolean {
  const vector = fromBase64(base64)
  if (Buffer.from(base64, 'base64').length !== vector.length * 4 || vector.length !== (length ?? vector.length)) return false
  return Math.abs(Math.sqrt(dot(vector, vector)) - 1) < NORM_ERROR
}
