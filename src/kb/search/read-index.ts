// An index folder to its parts; every byte is checked against the manifest first.
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { errors } from '../../errors.ts'
import { SPACES, type Entity, type Space } from '../../types.ts'
import { entityRecord } from '../storage/entity-schema.ts'
import { hashFile, readableFolder, readHashed } from '../storage/atomic-folder.ts'
import { ENTITIES_FILE, FORMAT_VERSION, indexManifest, indexVersion, MANIFEST_FILE, spaceFiles, type IndexManifest } from '../storage/manifest.ts'
import { allocateCoarse } from './pca.ts'
import { readGraph, type Graph } from './hnsw.ts'
import type { SearchedSpace } from './searcher.ts'
import { allocatePlace, openTable, type VectorTable } from './vector-table.ts'

export interface SpaceIndex extends SearchedSpace {
  /** Of the thread that opened it. */
  readonly table: VectorTable
  /** Null where search is not by a graph. */
  readonly graph: Graph | null
  /** Image id of each vector as a number, 0n where it is not known; null where none is. */
  readonly images: BigUint64Array | null
  /** `KnowledgeBase.usual` of each entity, NaN where it has no face; null where the folder does not tell. */
  readonly usual: Float32Array | null
}

export interface IndexParts {
  readonly manifest: IndexManifest
  readonly entities: readonly Entity[]
  readonly spaces: { readonly [S in Space]?: SpaceIndex }
}

const REBUILD = 'restore the folder or build it again with `vel kb build`'

/** @throws VEL_ERR_INDEX where there is none, its format is newer, or the manifest is not valid. */
export async function readIndexManifest (dir: string): Promise<IndexManifest> {
  const text = await readFile(join(await readableFolder(dir), MANIFEST_FILE), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') throw errors.index(dir, `a folder with ${MANIFEST_FILE}`, 'none; check INDEX_DIR or build an index with `vel kb build`')
    throw errors.index(dir, `a readable ${MANIFEST_FILE}`, `${error.message}; check its permissions`)
  })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw errors.index(dir, `JSON in ${MANIFEST_FILE}`, `${(error as Error).message}; ${REBUILD}`)
  }
  const format = z.object({ formatVersion: z.int() }).safeParse(value)
  if (format.success && format.data.formatVersion > FORMAT_VERSION) throw errors.index(dir, `format version ${FORMAT_VERSION} or older`, `${format.data.formatVersion}; update this program or build the index with it`)
  const parsed = indexManifest.safeParse(value)
  if (!parsed.success) throw errors.index(dir, `a valid ${MANIFEST_FILE}`, `${z.prettifyError(parsed.error)}; ${REBUILD}`)
  const manifest = parsed.data
  if (indexVersion(manifest) !== manifest.version) throw errors.index(dir, `version ${indexVersion(manifest)} from what ${MANIFEST_FILE} lists`, `${manifest.version}: it was changed by hand; ${REBUILD}`)
  return manifest
}

/** Checks size and hash of every file that the manifest lists. @throws VEL_ERR_INDEX naming the first at fault. */
export async function verifyIndex (dir: string): Promise<IndexManifest> {
  const manifest = await readIndexManifest(dir)
  const folder = await readableFolder(dir)
  for (const name of Object.keys(manifest.files)) {
    await checkSize(dir, folder, name, manifest)
    checkHash(dir, name, manifest, (await hashFile(join(folder, name))).sha256)
  }
  return manifest
}

/** Reads and verifies everything. @throws VEL_ERR_INDEX */
export async function readIndex (dir: string): Promise<IndexParts> {
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
    const place = allocatePlace(encoding, vectors, dims)
    await read(names.vectors, place.bytes)
    const entityRows = new Uint32Array(new SharedArrayBuffer(vectors * 4))
    await read(names.rows, new Uint8Array(entityRows.buffer))
    if (!entityRows.every((row, i) => row < entities.length && (i === 0 || row >= entityRows[i - 1]!))) throw errors.index(dir, `ascending rows of entities in ${names.rows}`, `others; ${REBUILD}`)
    let graph: Graph | null = null
    if (search.kind === 'hnsw') {
      await checkSize(dir, folder, names.graph, manifest)
      checkHash(dir, names.graph, manifest, (await hashFile(join(folder, names.graph))).sha256)
      graph = await readGraph(join(folder, names.graph), dims)
    }
    let images: BigUint64Array | null = null
    if (manifest.files[names.images] !== undefined) {
      images = new BigUint64Array(vectors)
      await read(names.images, new Uint8Array(images.buffer))
    }
    let usual: Float32Array | null = null
    if (manifest.files[names.usual] !== undefined) {
      usual = new Float32Array(entities.length)
      await read(names.usual, new Uint8Array(usual.buffer))
    }
    let coarse: SearchedSpace['coarse'] = null
    if (search.kind === 'pca') {
      coarse = { ...allocateCoarse(vectors, dims, search.dims), candidates: search.candidates }
      await read(names.coarse, coarse.place.bytes)
      await read(names.axes, new Uint8Array(coarse.axes.buffer))
    }
    spaces[space] = { place, table: openTable(place), entityRows, first: firstVectorOfEntities(entityRows, entities.length), coarse, graph, images, usual }
  }
  return { manifest, entities, spaces }
}

/** `[entities + 1]`, on shared memory: the vectors of entity row r are those from `first[r]` up to, not including, `first[r + 1]`. */
function firstVectorOfEntities (entityRows: Uint32Array, entities: number): Uint32Array {
  const first = new Uint32Array(new SharedArrayBuffer((entities + 1) * 4))
  for (const row of entityRows) first[row + 1]!++
  for (let row = 0; row < entities; row++) first[row + 1]! += first[row]!
  return first
}

async function checkSize (dir: string, folder: string, name: string, manifest: IndexManifest): Promise<number> {
  const listed = manifest.files[name]
  if (listed === undefined) throw errors.index(dir, `${name} among the files of ${MANIFEST_FILE}`, `none; ${REBUILD}`)
  const found = await stat(join(folder, name)).catch((error: NodeJS.ErrnoException) => {
    throw errors.index(dir, `a file ${name}`, `${error.code === 'ENOENT' ? 'none' : error.message}; ${REBUILD}`)
  })
  if (found.size !== listed.bytes) throw errors.index(dir, `${name} of ${listed.bytes} bytes`, `${found.size} bytes: it is cut or changed; ${REBUILD}`)
  return found.size
}

function checkHash (dir: string, name: string, manifest: IndexManifest, sha256: string): void {
  const expected = manifest.files[name]!.sha256
  if (sha256 !== expected) throw errors.index(dir, `${name} with sha256 ${expected.slice(0, 12)}…`, `${sha256.slice(0, 12)}…: its content was changed; ${REBUILD}`)
}

/** Lines parsed before others get their turn: a few milliseconds. */
const AT_A_TIME = 500

async function parseEntities (dir: string, bytes: Uint8Array, count: number): Promise<Entity[]> {
  const lines = new TextDecoder().decode(bytes).split('\n')
  if (lines.pop() !== '' || lines.length !== count) throw errors.index(dir, `${count} lines in ${ENTITIES_FILE}`, `${lines.length}; ${REBUILD}`)
  const entities: Entity[] = []
  for (const line of lines) {
    entities.push(entityRecord.parse(JSON.parse(line)))
    if (entities.length % AT_A_TIME === 0) await new Promise(resolve => { setImmediate(resolve) })
  }
  return entities
}
