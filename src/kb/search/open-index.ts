// An index folder to the knowledge base that the linking half of the path asks.
import { errors } from '../../errors.ts'
import { SPACES, type Entity, type Neighbour, type Space } from '../../types.ts'
import type { KnowledgeBase } from '../types.ts'
import { createCohort } from './cohort.ts'
import type { Hits } from './top-k.ts'
import type { IndexManifest, SearchManifest } from '../storage/manifest.ts'
import { readIndex, type IndexParts, type SpaceIndex } from './read-index.ts'
import { startSearchThreads, type SearchedSpaces, type SearchThreads, type Tell } from './threads.ts'
import { bestOf, createSearcher, rescore } from './searcher.ts'

/** The encoders that will ask: a space that is left out is not checked. */
export type ExpectedEncoders = { readonly [S in Space]?: { readonly name: string, readonly recipe: string, readonly dims?: number } | undefined }

export interface IndexedKnowledgeBase extends KnowledgeBase {
  readonly manifest: IndexManifest
  /** In order of their rows. */
  readonly entities: readonly Entity[]
  /** The vectors of one entity, decoded, with the photo each is from where that is known. */
  readonly references: (space: Space, id: string) => ReferenceVector[]
  /** The photos of `references`, null for one that is not known; nothing is decoded. */
  readonly images: (space: Space, id: string) => Array<string | null>
  /** `usual` for an entity with other faces than those of the index. */
  readonly cohortMeanOf: (id: string, faces: readonly Float32Array[]) => number | null
}

export interface ReferenceVector { readonly image: string | null, readonly vector: Float32Array }

/** Numbers that a search compares before it is left to threads: about a millisecond of work, ten times what handing it over costs. */
const THREADS_FROM = 6e6

export interface OpenOptions {
  /** A service: spaces whose search would hold up others are searched by threads; they end when the index is closed. */
  readonly threads?: boolean | undefined
  /** Hears of threads that do not start. */
  readonly say?: Tell | undefined
}

/**
 * Opens an index folder for the encoders that will ask it.
 *
 * @throws VEL_ERR_INDEX where a file is missing, cut or changed, the format is newer, or another encoder made the vectors.
 */
export async function openIndex (dir: string, expected: ExpectedEncoders, { threads = false, say }: OpenOptions = {}): Promise<IndexedKnowledgeBase> {
  const parts = await readIndex(dir)
  checkEncoders(dir, parts.manifest, expected)
  const large = threads ? largeSpaces(parts) : {}
  return createKnowledgeBase(parts, Object.keys(large).length === 0 ? null : await startSearchThreads(large, say))
}

function largeSpaces ({ spaces }: IndexParts): SearchedSpaces {
  return Object.fromEntries(Object.entries(spaces).filter(([, { graph, table, pca: coarse }]) => graph === null && table.count * (coarse?.codes.dims ?? table.dims) >= THREADS_FROM))
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

/** @param threads search the spaces that they were started for; they are the knowledge base's from now on. */
export function createKnowledgeBase ({ manifest, entities, spaces }: IndexParts, threads: SearchThreads | null = null): IndexedKnowledgeBase {
  const rowOfId = new Map(entities.map((entity, row) => [entity.id, row]))
  const dims = Object.fromEntries(Object.entries(spaces).map(([space, { table }]) => [space, table.dims]))
  const searchers = new Map(Object.entries(spaces).map(([space, index]) => [space, searcherOf(index, manifest.spaces[space as Space]!.search)]))
  const open = (space: Space, embedding: Float32Array): SpaceIndex => {
    const index = spaces[space]
    if (index === undefined) throw new RangeError(`Expected a space of this index (${Object.keys(spaces).join(', ')}), received ${space}`)
    if (embedding.length !== index.table.dims) throw new RangeError(`Expected an embedding of ${index.table.dims} numbers, received ${embedding.length}`)
    return index
  }
  const ofEntity = <T>(space: Space, id: string, of: (index: SpaceIndex, vector: number) => T): T[] => {
    const row = rowOfId.get(id)
    const index = spaces[space]
    if (row === undefined || index === undefined) return []
    return Array.from({ length: index.first[row + 1]! - index.first[row]! }, (_, i) => of(index, index.first[row]! + i))
  }
  const references = (space: Space, id: string): ReferenceVector[] => ofEntity(space, id, (index, vector) => ({ image: imageOf(index, vector), vector: index.table.read(vector, new Float32Array(index.table.dims)) }))
  const cohort = spaces.face === undefined ? null : createCohort(spaces.face)
  const usualOf = (id: string, faces: readonly Float32Array[]): number | null => cohort?.mean(faces, rowOfId.get(id) ?? null) ?? null
  const computed = new Map<string, number | null>()
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
      // Where the thread died over it, it is searched here.
      const hits = await threads?.search(space, embedding, k) ?? searchers.get(space)!(embedding, k)
      return Array.from(hits.rows, (row, i): Neighbour => ({ entity: entities[row]!, similarity: hits.similarities[i]! }))
    },
    async similarities (space, embedding, asked) {
      const index = open(space, embedding)
      return bestOf(index.table, index.first, Int32Array.from(asked, ({ id }) => rowOfId.get(id) ?? -1), embedding)
    },
    references,
    images: (space, id) => ofEntity(space, id, imageOf),
    cohortMeanOf: usualOf,
    async cohortMean ({ id }) {
      const known = spaces.face?.cohortMeans?.[rowOfId.get(id) ?? -1]
      if (known !== undefined) return Number.isNaN(known) ? null : known
      // Written before indexes told it: each is computed once.
      const usual = computed.get(id) ?? usualOf(id, references('face', id).map(({ vector }) => vector))
      computed.set(id, usual)
      return usual
    },
    async vectors (space, { id }) {
      return references(space, id).map(({ vector }) => vector)
    },
    entity: id => {
      const row = rowOfId.get(id)
      return row === undefined ? undefined : entities[row]
    },
    close: async () => { await threads?.close() }
  }
}

function imageOf ({ images }: SpaceIndex, vector: number): string | null {
  const image = images?.[vector] ?? 0n
  return image === 0n ? null : image.toString(16).padStart(16, '0')
}

function searcherOf (index: SpaceIndex, how: SearchManifest): (embedding: Float32Array, k: number) => Hits {
  const { table, first } = index
  if (index.graph === null || how.kind !== 'hnsw') return createSearcher(index)
  return (embedding, k) => rescore(table, first, searchGraph(index, embedding, k, how.ef), embedding, k)
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
    if (found.size >= k || wanted >= graph!.count) return Uint32Array.from(found)
  }
}
