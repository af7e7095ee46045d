// What is known when a mention is decided: of its first candidates, of the face, and of the entity it may be.
import type { Candidate, EncodedMention, Entity } from '../types.ts'
import type { Features } from '../calibration.ts'
import type { KnowledgeBase } from '../ports.ts'

/** Candidates that the decision looks at, however few are returned. */
export const DECIDE_TOP_K = 21
/** Fewer than this say nothing of the crowd. */
const SMALLEST_CROWD = 10
/** Entities that an entity is compared with to know how similar others usually are to it. */
const NEIGHBOURS = 10

/**
 * Features of the first candidate.
 *
 * - similarity: cosine of mention and first entity.
 * - margin: by how much the second entity is less similar; null where there is no second.
 * - crowd: mean cosine of the mention to the entities at ranks 2 to 21; null where there are fewer than ten. A blurred or
 *   odd face is near to many; what counts is by how much the first stands out. The test half of the normalisation below.
 * - usual: mean cosine of the first entity to the ten entities nearest to it. Some faces are near to everyone; a high
 *   similarity to such a one says less. @see Auckenthaler et al. 2000, test and zero normalisation; Matějka et al. 2017,
 *   adaptive cohorts. Here the gallery itself is the cohort, so no strangers need be kept.
 * - faceSize: natural logarithm of the box's short side, px. sharpness: natural logarithm of 1 + the mention's.
 * - detectionScore: as the mention's.
 *
 * @param candidates best first. @returns null where texts had a say in them: what is learnt of faces alone says nothing of that.
 */
export function featuresOf (mention: EncodedMention, candidates: readonly Candidate[], usual: number | null): Features | null {
  const [first, second] = candidates
  if (first?.similarity.face === undefined || first.similarity.text !== undefined) return null
  return {
    similarity: first.score,
    margin: second === undefined ? null : first.score - second.score,
    crowd: crowdOf(candidates),
    usual,
    faceSize: Math.log(mention.quality.faceSizePx),
    sharpness: Math.log(1 + mention.quality.sharpness),
    detectionScore: mention.detectionScore
  }
}

function crowdOf (candidates: readonly Candidate[]): number | null {
  const others = candidates.slice(1, DECIDE_TOP_K)
  return others.length < SMALLEST_CROWD ? null : others.reduce((sum, { score }) => sum + score, 0) / others.length
}

/** Tells how similar other entities usually are to an entity; null for one without a face, or alone. */
export type Usual = (kb: KnowledgeBase, entity: Entity) => Promise<number | null>

/** Remembers what it told for as long as the entity is the same object. */
export function createUsual (): Usual {
  const told = new WeakMap<Entity, Promise<number | null>>()
  return async (kb, entity) => {
    const known = told.get(entity)
    if (known !== undefined) return await known
    const asked = measure(kb, entity)
    told.set(entity, asked)
    // What failed once may succeed the next time.
    asked.catch(() => { told.delete(entity) })
    return await asked
  }
}

async function measure (kb: KnowledgeBase, entity: Entity): Promise<number | null> {
  const similarities: number[] = []
  for (const vector of await kb.vectors('face', entity)) {
    const near = await kb.search('face', vector, NEIGHBOURS + 1)
    similarities.push(...near.filter(n => n.entity.id !== entity.id).slice(0, NEIGHBOURS).map(n => n.similarity))
  }
  return similarities.length === 0 ? null : similarities.reduce((a, b) => a + b, 0) / similarities.length
}
