// An index folder to the knowledge base that the linking half of the path asks.
import { errors } from '../errors.ts'
import { SPACES, type Entity, type Neighbour, type Space } from '../types.ts'
import type { KnowledgeBase } from '../ports.ts'
import { createCohort } from './cohort.ts'
import { createTop, searchExact, type Hits } from './exact.ts'
import type { IndexManifest } from './format.ts'
import { readIndex, type IndexParts, type SpaceIndex } from './read-index.ts'

/** The encoders that will ask: a space that is left out is not checked. */
export type ExpectedEncoders = { readonly [S in Space]?: { readonly name: string, readonly recipe: string, readonly dims?: number } | undefined }

export interface IndexedKnowledgeBase extends KnowledgeBase {
  readonly manifest: IndexManifest
  /** In order of their rows. */
  readonly entities: readonly Entity[]
  /** The vectors of one entity, decoded, with the photo each is from where that is known. */
  readonly references: (space: Space, id: string) => ReferenceVector[]
  /** `usual` for an entity with other faces than those of the index. */
  readonly usualOf: (id: string, faces: readonly Float32Array[]) => number | null
}

export interface ReferenceVector { readonly image: string | null, readonly vector: Float32Array }

/**
 * Opens an index folder for the encoders that will ask it.
 *
 * @throws VEL_ERR_INDEX where a file is missing, cut or changed, the format is newer, or another encoder made the vectors.
 */
export async function openIndex (dir: string, expected: ExpectedEncoders): Promise<IndexedKnowledgeBase> {
  const parts = await readIndex(dir)
  checkEncoders(dir, parts.manifest, expected)
  return createKnowledgeBase(parts)
}

/** @throws VEL_ERR_INDEX where embeddings of an expected encoder cannot be compared to those of the index. */
export function checkEncoders (dir: string, manifest: IndexManifest, expected: ExpectedEncoders): void {
  for (const space of SPACES) {
    const { encoder: theirs, dims } = manifest.spaces[space] ?? {}
    const ours = expected[space]
    if (ours === undefined || theirs === undefined || ours.recipe === theirs.recipe) continue
    const width = ours.dims === undefined || ours.dims === dims ? '' : `, ${dims} numbers wide and not ${ours.dims}`
    const difference = ours.name === theirs.name ? `the same name with other weights, another crop or another prompt (recipe ${theirs.recipe.slice(0, 12)}…)` : `those of ${theirs.name}`
    throw errors.index(dir, `${space} embeddings of ${ours.name} (recipe ${ours.recipe.slice(0, 12)}…), which the model pack runs`, `${difference}${width}; set MODEL_PACK=${manifest.pack} or build the index again with \`vel kb build --pack …\``)
  }
}

export function createKnowledgeBase ({ manifest, entities, spaces }: IndexParts): IndexedKnowledgeBase {
  const rowOfId = new Map(entities.map((entity, row) => [entity.id, row]))
  const dims: { [S in Space]?: number } = {}
  const firstVectors: { [S in Space]?: Uint32Array } = {}
  for (const space of SPACES) {
    const index = spaces[space]
    if (index === undefined) continue
    dims[space] = index.table.dims
    firstVectors[space] = firstVectorOfEntities(index.entityRows, entities.length)
  }
  const open = (space: Space, embedding: Float32Array): SpaceIndex & { first: Uint32Array } => {
    const index = spaces[space]
    if (index === undefined) throw new RangeError(`Expected a space of this index (${Object.keys(spaces).join(', ')}), received ${space}`)
    if (embedding.length !== index.table.dims) throw new RangeError(`Expected an embedding of ${index.table.dims} numbers, received ${embedding.length}`)
    return { ...index, first: firstVectors[space]! }
  }
  const references = (space: Space, id: string): ReferenceVector[] => {
    const row = rowOfId.get(id)
    const index = spaces[space]
    return row === undefined || index === undefined ? [] : readVectors(index, firstVectors[space]!, row)
  }
  const cohort = spaces.face === undefined ? null : createCohort(spaces.face)
  const usualOf = (id: string, faces: readonly Float32Array[]): number | null => cohort?.usual(faces, rowOfId.get(id) ?? null) ?? null
  const told = new Map<string, number | null>()
  return {
    manifest,
    entities,
    info: { name: manifest.name, version: manifest.version, entities: entities.length },
    dims,
    decision: manifest.decision,
    calibration: manifest.calibration,
    fusion: manifest.fusion,
    async search (space, embedding, k) {
      const index = open(space, embedding)
      const ef = manifest.spaces[space]!.search
      const rows = index.graph === null || ef.kind === 'exact' ? searchExact(index.table, index.entityRows, embedding, k).rows : searchGraph(index, embedding, k, ef.ef)
      const hits = rescore(index, rows, embedding, k)
      return Array.from(hits.rows, (row, i): Neighbour => ({ entity: entities[row]!, similarity: hits.similarities[i]! }))
    },
    async similarities (space, embedding, asked) {
      const index = open(space, embedding)
      const similarities = new Float32Array(asked.length)
      for (let i = 0; i < asked.length; i++) {
        const row = rowOfId.get(asked[i]!.id)
        similarities[i] = row === undefined ? NaN : bestOf(index, index.first, row, embedding)
      }
      return similarities
    },
    references,
    usualOf,
    async usual ({ id }) {
      const known = told.get(id)
      if (known !== undefined) return known
      const usual = usualOf(id, references('face', id).map(({ vector }) => vector))
      told.set(id, usual)
      return usual
    },
    async vectors (space, { id }) {
      return references(space, id).map(({ vector }) => vector)
    },
    entity: id => {
      const row = rowOfId.get(id)
      return row === undefined ? undefined : entities[row]
    },
    close: async () => {}
  }
}

/** `[entities + 1]`: the vectors of entity row r are those from `first[r]` up to, not including, `first[r + 1]`. */
function firstVectorOfEntities (entityRows: Uint32Array, entities: number): Uint32Array {
  const first = new Uint32Array(entities + 1)
  for (const row of entityRows) first[row + 1]!++
  for (let row = 0; row < entities; row++) first[row + 1]! += first[row]!
  return first
}

function readVectors ({ table, images }: SpaceIndex, first: Uint32Array, row: number): ReferenceVector[] {
  return Array.from({ length: first[row + 1]! - first[row]! }, (_, i) => {
    const vector = first[row]! + i
    const image = images?.[vector] ?? 0n
    return { image: image === 0n ? null : image.toString(16).padStart(16, '0'), vector: table.read(vector, new Float32Array(table.dims)) }
  })
}

/** Similarity of an entity's best vector, NaN where it has none. */
function bestOf ({ table }: SpaceIndex, first: Uint32Array, row: number, embedding: Float32Array): number {
  let best = NaN
  for (let vector = first[row]!; vector < first[row + 1]!; vector++) {
    const similarity = table.similarity(vector, embedding)
    if (!(similarity <= best)) best = similarity
  }
  return best
}

/**
 * Search by the graph. Entities with several vectors can fill its answer more than once, so it is asked for more until
 * there are `k` entities.
 *
 * @returns rows of at least `k` entities, where there are as many.
 */
function searchGraph ({ graph, entityRows }: SpaceIndex, embedding: Float32Array, k: number, ef: number): Uint32Array {
  for (let wanted = k; ; wanted *= 2) {
    const { labels } = graph!.search(embedding, wanted, ef)
    const found = new Set(labels.map(label => entityRows[label]!))
    if (found.size >= k || wanted >= graph!.count) return Uint32Array.from(found).sort()
  }
}

/** The best `k` of `rows` by their similarities as `similarities` computes them: the same whichever way they were found. */
function rescore (index: SpaceIndex & { first: Uint32Array }, rows: Uint32Array, embedding: Float32Array, k: number): Hits {
  const top = createTop(Math.min(k, rows.length))
  for (const row of rows) top.offer(row, bestOf(index, index.first, row, embedding))
  return top.hits()
}
