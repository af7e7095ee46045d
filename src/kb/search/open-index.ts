// An index folder to the knowledge base that linking queries.
import { createGazetteer } from '../../captions/gazetteer.ts'
import { errors } from '../../errors.ts'
import { once } from '../../once.ts'
import { SPACES, type Entity, type Neighbour, type Space } from '../../types.ts'
import type { KnowledgeBase } from '../types.ts'
import { createCohort } from './cohort.ts'
import type { IndexManifest } from '../storage/manifest.ts'
import { readIndex, type IndexParts, type SpaceIndex } from './read-index.ts'
import { startSearchThreads, type SearchedSpaces, type SearchThreads, type Tell } from './threads.ts'
import { bestOf, createSearcher, openSearcher } from './searcher.ts'

interface ExpectedEncoder { readonly name: string, readonly recipe: string, readonly dims?: number }

/** The encoders of the queries, by space; an absent space is not checked. */
export type ExpectedEncoders = { readonly [S in Space]?: ExpectedEncoder | undefined }

export interface IndexedKnowledgeBase extends KnowledgeBase {
  readonly manifest: IndexManifest
  /** By row. */
  readonly entities: readonly Entity[]
  /** The decoded vectors of one entity, each with its photo. */
  readonly references: (space: Space, id: string) => ReferenceVector[]
  /** The photos of `references` alone: nothing is decoded. */
  readonly images: (space: Space, id: string) => Array<string | null>
  /** `cohortMean` of an entity with other faces than those of the index; null without faces or in a small index. */
  readonly cohortMeanOf: (id: string, faces: readonly Float32Array[]) => number | null
}

/** `image`: id of its photo, 16 hex digits, null where unknown. `vector`: L2-normalised float32 `[dims]`. */
export interface ReferenceVector { readonly image: string | null, readonly vector: Float32Array }

/** Numbers compared in one search from which threads search: about a millisecond, ten times the cost of a message to a thread. */
const THREADS_FROM = 6e6

export interface OpenOptions {
  /** In a service: threads that search the large spaces, so that the event loop is not blocked, until the index is closed. */
  readonly threads?: number | undefined
  /** Logs threads that do not start. */
  readonly say?: Tell | undefined
}

/**
 * Opens an index folder.
 *
 * @throws VEL_ERR_INDEX where a file is missing, cut or changed, the format is newer, or another encoder than expected made the
 *   vectors.
 */
export async function openIndex (
  dir: string,
  expected: ExpectedEncoders,
  { threads = 0, say }: OpenOptions = {}
): Promise<IndexedKnowledgeBase> {
  const parts = await readIndex(dir, threads + 1)
  checkEncoders(dir, parts.manifest, expected)
  const large = threads > 0 ? largeSpaces(parts) : {}
  return createKnowledgeBase(parts, Object.keys(large).length === 0 ? null : await startSearchThreads(large, threads, say))
}

function largeSpaces ({ spaces }: IndexParts): SearchedSpaces {
  const isLarge = ({ graph, table, pca }: SpaceIndex): boolean => {
    return graph !== null || table.count * (pca?.codes.dims ?? table.dims) >= THREADS_FROM
  }
  return Object.fromEntries(Object.entries(spaces).filter(([, index]) => isLarge(index)))
}

/** @throws VEL_ERR_INDEX where embeddings of an expected encoder are not comparable with those of the index. */
export function checkEncoders (dir: string, manifest: IndexManifest, expected: ExpectedEncoders): void {
  for (const space of SPACES) {
    const { encoder: theirs, dims } = manifest.spaces[space] ?? {}
    const ours = expected[space]
    if (ours === undefined || theirs === undefined || ours.recipe === theirs.recipe) continue
    const width = ours.dims === undefined || ours.dims === dims ? '' : `, ${dims} numbers wide and not ${ours.dims}`
    const difference = ours.name === theirs.name
      ? `the same name with other weights, another crop or another prompt (recipe ${theirs.recipe.slice(0, 12)}…)`
      : `those of ${theirs.name}`
    const advice = `set MODEL_PACK=${manifest.pack} or build the index again with \`vel kb build --pack …\``
    const expectation = `${space} embeddings of ${ours.name} (recipe ${ours.recipe.slice(0, 12)}…), which the model pack runs`
    throw errors.index(dir, expectation, `${difference}${width}; ${advice}`)
  }
}

/** @param threads search the spaces that they were started with; `close` of the knowledge base closes them. */
export function createKnowledgeBase (parts: IndexParts, threads: SearchThreads | null = null): IndexedKnowledgeBase {
  const { manifest, entities, spaces } = parts
  const rowOfId = new Map(entities.map((entity, row) => [entity.id, row]))
  const dims = Object.fromEntries(Object.entries(spaces).map(([space, { table }]) => [space, table.dims]))
  // With threads, this one searches where none runs: it needs no graph for that.
  const searchers = new Map(Object.entries(spaces).map(([space, index]) => {
    return [space, once(async () => threads === null ? await openSearcher(index) : createSearcher(index))]
  }))
  const open = (space: Space, embedding: Float32Array): SpaceIndex => {
    const index = spaces[space]
    if (index === undefined) {
      throw new RangeError(`Expected a space of this index (${Object.keys(spaces).join(', ')}), received ${space}`)
    }
    if (embedding.length !== index.table.dims) {
      throw new RangeError(`Expected an embedding of ${index.table.dims} numbers, received ${embedding.length}`)
    }
    return index
  }
  const ofEntity = <T>(space: Space, id: string, of: (index: SpaceIndex, vector: number) => T): T[] => {
    const row = rowOfId.get(id)
    const index = spaces[space]
    if (row === undefined || index === undefined) return []
    return Array.from({ length: index.first[row + 1]! - index.first[row]! }, (_, i) => of(index, index.first[row]! + i))
  }
  const references = (space: Space, id: string): ReferenceVector[] => ofEntity(space, id, (index, vector) => {
    return { image: imageOf(index, vector), vector: index.table.read(vector, new Float32Array(index.table.dims)) }
  })
  const names = once(async () => await createGazetteer(entities))
  const cohort = spaces.face === undefined ? null : createCohort(spaces.face)
  return {
    manifest,
    entities,
    info: { name: manifest.name, version: manifest.version, entities: entities.length },
    dims,
    decision: manifest.decision,
    calibration: manifest.calibration,
    fusion: manifest.fusion,
    async search (space, embedding, k) {
      open(space, embedding)
      // A thread that died answers null: then this thread searches.
      const hits = await threads?.search(space, embedding, k) ?? (await searchers.get(space)!())(embedding, k)
      return Array.from(hits.rows, (row, i): Neighbour => ({ entity: entities[row]!, similarity: hits.similarities[i]! }))
    },
    async similarities (space, embedding, asked) {
      const index = open(space, embedding)
      return bestOf(index.table, index.first, Int32Array.from(asked, ({ id }) => rowOfId.get(id) ?? -1), embedding)
    },
    references,
    images: (space, id) => ofEntity(space, id, imageOf),
    cohortMeanOf: (id, faces) => cohort?.mean(faces, rowOfId.get(id) ?? null) ?? null,
    async cohortMean ({ id }) {
      const mean = spaces.face?.cohortMeans?.[rowOfId.get(id) ?? -1] ?? NaN
      return Number.isNaN(mean) ? null : mean
    },
    async vectors (space, { id }) {
      return references(space, id).map(({ vector }) => vector)
    },
    entity: id => {
      const row = rowOfId.get(id)
      return row === undefined ? undefined : entities[row]
    },
    names,
    close: async () => { await threads?.close() }
  }
}

function imageOf ({ images }: SpaceIndex, vector: number): string | null {
  const image = images?.[vector] ?? 0n
  return image === 0n ? null : image.toString(16).padStart(16, '0')
}
