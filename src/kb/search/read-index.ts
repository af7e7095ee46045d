// An index folder to its parts in memory; the hash of every file is checked.
import { setImmediate } from 'node:timers/promises'
import { join } from 'node:path'
import { errors } from '../../errors.ts'
import { SPACES, type Entity, type Space } from '../../types.ts'
import { entityRecord } from '../storage/entity-schema.ts'
import { hashFile, readableFolder, readHashed } from '../storage/atomic-folder.ts'
import { ENTITIES_FILE, spaceFiles, type IndexManifest } from '../storage/manifest.ts'
import { allocatePca } from './pca.ts'
import type { SearchedSpace } from './searcher.ts'
import { allocateTable, openTable, type VectorTable } from './vector-table.ts'
import { REBUILD, readIndexManifest, checkSize, checkHash } from '../storage/read-manifest.ts'

export interface SpaceIndex extends SearchedSpace {
  /** For the thread that opened the index. */
  readonly table: VectorTable
  /** Image id of each vector, 0n where unknown; null where all are. */
  readonly images: BigUint64Array | null
  /** `KnowledgeBase.cohortMean` of each entity, NaN for an entity without a face; null in an index with too few faces. */
  readonly cohortMeans: Float32Array | null
}

export interface IndexParts {
  readonly manifest: IndexManifest
  readonly entities: readonly Entity[]
  readonly spaces: { readonly [S in Space]?: SpaceIndex }
}

/**
 * Reads and verifies an index folder.
 *
 * @param slots threads that will search it, the calling one included.
 * @throws VEL_ERR_INDEX where a file is missing, cut, changed or inconsistent
 */
export async function readIndex (dir: string, slots = 1): Promise<IndexParts> {
  const manifest = await readIndexManifest(dir)
  const folder = await readableFolder(dir)
  const read = async (name: string, into?: Uint8Array): Promise<Uint8Array> => {
    const bytes = await checkSize(dir, folder, name, manifest)
    if (into !== undefined && into.length !== bytes) throw errors.index(dir, `${into.length} bytes in ${name}`, `${bytes}; ${REBUILD}`)
    into ??= new Uint8Array(bytes)
    checkHash(dir, name, manifest, await readHashed(join(folder, name), into))
    return into
  }
  const entities = await parseEntities(dir, await read(ENTITIES_FILE), manifest.counts.entities)
  const spaces: { [S in Space]?: SpaceIndex } = {}
  for (const space of SPACES) {
    const { encoding, vectors, dims, search } = manifest.spaces[space] ?? {}
    if (encoding === undefined || vectors === undefined || dims === undefined || search === undefined) continue
    const names = spaceFiles(space)
    const memory = allocateTable(encoding, vectors, dims, slots)
    await read(names.vectors, memory.bytes)
    const entityRows = new Uint32Array(new SharedArrayBuffer(vectors * 4))
    await read(names.rows, new Uint8Array(entityRows.buffer))
    if (!entityRows.every((row, i) => row < entities.length && (i === 0 || row >= entityRows[i - 1]!))) {
      throw errors.index(dir, `ascending rows of entities in ${names.rows}`, `others; ${REBUILD}`)
    }
    let graph: SearchedSpace['graph'] = null
    if (search.kind === 'hnsw') {
      await checkSize(dir, folder, names.graph, manifest)
      const { sha256 } = await hashFile(join(folder, names.graph))
      checkHash(dir, names.graph, manifest, sha256)
      const components = new Float32Array(new SharedArrayBuffer(search.dims * dims * 4))
      await read(names.axes, new Uint8Array(components.buffer))
      graph = { path: join(folder, names.graph), sha256, components, ef: search.ef, candidates: search.candidates }
    }
    let images: BigUint64Array | null = null
    if (manifest.files[names.images] !== undefined) {
      images = new BigUint64Array(vectors)
      await read(names.images, new Uint8Array(images.buffer))
    }
    let cohortMeans: Float32Array | null = null
    if (manifest.files[names.usual] !== undefined) {
      cohortMeans = new Float32Array(entities.length)
      await read(names.usual, new Uint8Array(cohortMeans.buffer))
    }
    let pca: SearchedSpace['pca'] = null
    if (search.kind === 'pca') {
      pca = { ...allocatePca(vectors, dims, search.dims, slots), candidates: search.candidates }
      await read(names.coarse, pca.codes.bytes)
      await read(names.axes, new Uint8Array(pca.components.buffer))
    }
    const first = firstVectorOfEntities(entityRows, entities.length)
    spaces[space] = { vectors: memory, table: openTable(memory), entityRows, first, pca, graph, images, cohortMeans }
  }
  return { manifest, entities, spaces }
}

/** `[entities + 1]`, in shared memory: the vectors of entity row r are those from `first[r]` to `first[r + 1]` (exclusive). */
function firstVectorOfEntities (entityRows: Uint32Array, entities: number): Uint32Array {
  const first = new Uint32Array(new SharedArrayBuffer((entities + 1) * 4))
  for (const row of entityRows) first[row + 1]!++
  for (let row = 0; row < entities; row++) first[row + 1]! += first[row]!
  return first
}

/** Lines parsed between two turns of the event loop: a few milliseconds. */
const LINES_PER_TURN = 500

async function parseEntities (dir: string, bytes: Uint8Array, count: number): Promise<Entity[]> {
  const lines = new TextDecoder().decode(bytes).split('\n')
  if (lines.pop() !== '' || lines.length !== count) {
    throw errors.index(dir, `${count} lines in ${ENTITIES_FILE}`, `${lines.length}; ${REBUILD}`)
  }
  const entities: Entity[] = []
  for (const line of lines) {
    entities.push(entityRecord.parse(JSON.parse(line)))
    if (entities.length % LINES_PER_TURN === 0) await setImmediate()
  }
  return entities
}
