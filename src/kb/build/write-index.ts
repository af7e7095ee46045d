// Entities and vectors to an index folder: encoded, tuned, hashed and put in place atomically.
import { createWriteStream } from 'node:fs'
import { readdir, writeFile, open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Calibration } from '../calibration.ts'
import type { Decision } from '../types.ts'
import type { Entity, Space } from '../../types.ts'
import type { EncoderIdentity } from '../../packs/identity.ts'
import type { DuplicatePair } from './duplicate-faces.ts'
import { chooseEncoding } from './choose-encoding.ts'
import type { SearchKind } from './choose-search.ts'
import type { OnProgress } from './progress.ts'
import { tuneInProcess } from './tune.ts'
import { hashFile, replaceFolder } from '../storage/atomic-folder.ts'
import { ENTITIES_FILE, FORMAT_VERSION, indexVersion, MANIFEST_FILE, REPORT_FILE, spaceFiles } from '../storage/manifest.ts'
import type { Encoding, FileManifest, FusionManifest, IndexManifest, ReferencesManifest, SpaceManifest } from '../storage/manifest.ts'
import { encodeVector, rowOffset } from '../search/vector-table.ts'

/** Vectors of one space, read one at a time, so that they are never all in memory as float32. */
export interface VectorSource {
  readonly encoder: EncoderIdentity
  /** Entity row of each vector, ascending. */
  readonly entityRows: Uint32Array
  /** L2-normalised float32 `[encoder.dims]`. */
  read: (vector: number) => Promise<Float32Array>
  /** Image id of each vector, 16 hex digits, null where unknown; absent for vectors of texts. */
  readonly images?: ReadonlyArray<string | null> | undefined
}

export interface IndexContent {
  readonly name: string
  readonly pack: string
  readonly decision: Decision
  readonly calibration?: Calibration | undefined
  readonly fusion?: FusionManifest | undefined
  /** How the references were judged; absent where that is not known. */
  readonly references?: ReferencesManifest | undefined
  readonly entities: readonly Entity[]
  readonly spaces: { readonly [S in Space]?: VectorSource }
  /** The content of report.json, which is for people; no file where absent. */
  readonly report?: ((duplicates: readonly DuplicatePair[]) => unknown) | undefined
  /** How the index is searched; chosen by its size and by recall where absent. */
  readonly search?: SearchKind | undefined
  /** Receives a sentence where it is searched in another way than was asked for. */
  readonly onNote?: ((sentence: string) => void) | undefined
  /** False skips the comparison of all faces with each other. */
  readonly findDuplicates?: boolean | undefined
}

export interface WrittenIndex {
  readonly manifest: IndexManifest
  /** Pairs of faces of different entities that are nearly the same; empty unless they were asked for. */
  readonly duplicates: readonly DuplicatePair[]
}

/** Writes index folder `dir`, replacing it whole. @throws VEL_ERR_INDEX where it cannot be written; the old index is intact then. */
export async function writeIndex (dir: string, content: IndexContent, onProgress: OnProgress = () => {}): Promise<WrittenIndex> {
  return await replaceFolder(dir, async folder => {
    await pipeline(Readable.from(entityLines(content.entities)), createWriteStream(join(folder, ENTITIES_FILE)))
    const spaces: { [S in Space]?: SpaceManifest } = {}
    const hashes: Record<string, FileManifest> = {}
    let duplicates: readonly DuplicatePair[] = []
    for (const [space, source] of Object.entries(content.spaces) as Array<[Space, VectorSource]>) {
      const written = await writeSpace(folder, space, source, content, onProgress)
      spaces[space] = written.manifest
      hashes[spaceFiles(space).vectors] = written.vectors
      if (space === 'face') duplicates = written.duplicates
    }
    if (content.report !== undefined && content.spaces.face !== undefined) {
      await writeFile(join(folder, REPORT_FILE), JSON.stringify(content.report(duplicates), null, 2) + '\n')
    }
    const manifest = await createManifest(folder, content, spaces, hashes)
    await writeFile(join(folder, MANIFEST_FILE), JSON.stringify(manifest, null, 2) + '\n')
    return { manifest, duplicates }
  })
}

/** @param hashes of files that are known already; the others are read. */
async function createManifest (
  folder: string,
  content: IndexContent,
  spaces: IndexManifest['spaces'],
  hashes: Readonly<Record<string, FileManifest>>
): Promise<IndexManifest> {
  const { name, pack, decision, calibration, fusion, references, entities, spaces: sources } = content
  const files: Record<string, FileManifest> = {}
  for (const file of (await readdir(folder)).sort()) files[file] = hashes[file] ?? await hashFile(join(folder, file))
  const counts = { entities: entities.length, withFace: new Set(sources.face?.entityRows).size }
  const { threshold, ambiguousMargin, measuredOn } = decision
  const rest = {
    name,
    pack,
    counts,
    spaces,
    decision: { threshold, ambiguousMargin, measuredOn },
    ...(calibration === undefined ? {} : { calibration }),
    ...(fusion === undefined ? {} : { fusion }),
    ...(references === undefined ? {} : { references }),
    files
  }
  const version = indexVersion({ formatVersion: FORMAT_VERSION, ...rest })
  return { formatVersion: FORMAT_VERSION, version, created: new Date().toISOString(), ...rest }
}

interface WrittenSpace { readonly manifest: SpaceManifest, readonly vectors: FileManifest, readonly duplicates: readonly DuplicatePair[] }

async function writeSpace (
  folder: string,
  space: Space,
  source: VectorSource,
  content: IndexContent,
  onProgress: OnProgress
): Promise<WrittenSpace> {
  const { encoder: { name, sha256, recipe, dims }, entityRows, images } = source
  const count = entityRows.length
  const names = spaceFiles(space)
  const path = (file: string): string => join(folder, file)
  const { encoding, loss } = await chooseEncoding(count, dims, source.read)
  await writeVectors(path(names.vectors), encoding, count, dims, readAll(source, done => { onProgress('vectors', done, count) }))
  await writeFile(path(names.rows), new Uint8Array(entityRows.buffer, entityRows.byteOffset, entityRows.byteLength))
  if (images !== undefined) await writeFile(path(names.images), BigUint64Array.from(images, image => BigInt(`0x${image ?? 0}`)))
  const faces = {
    rows: path(names.rows),
    entities: content.entities.length,
    cohortMeans: path(names.usual),
    findDuplicates: content.findDuplicates ?? true
  }
  const { search, note, vectors, duplicates } = await tuneInProcess({
    encoding,
    count,
    dims,
    vectors: path(names.vectors),
    graph: path(names.graph),
    pcaCodes: path(names.coarse),
    pcaComponents: path(names.axes),
    search: content.search ?? 'auto',
    faces: space === 'face' ? faces : null
  }, (stage, done) => { onProgress(stage, done, count) })
  if (note !== undefined) content.onNote?.(note)
  const encoder = { name, sha256, recipe }
  return { manifest: { encoder, dims, vectors: count, encoding, encodingLoss: loss, search }, vectors, duplicates }
}

async function * readAll ({ entityRows, read }: VectorSource, onRead: (done: number) => void): AsyncGenerator<Float32Array> {
  for (let vector = 0; vector < entityRows.length; vector++) {
    yield await read(vector)
    onRead(vector + 1)
  }
}

function * entityLines (entities: readonly Entity[]): Generator<string> {
  for (const { id, name, description, aliases, birthYear, deathYear } of entities) {
    yield JSON.stringify({ id, name, description, aliases, birthYear, deathYear }) + '\n'
  }
}

const BUFFERED_BYTES = 1 << 20

/** Streams `count` vectors into `path` in `encoding`; memory holds one buffer and, for int8, the scales. */
export async function writeVectors (
  path: string,
  encoding: Encoding,
  count: number,
  dims: number,
  vectors: AsyncIterable<Float32Array>
): Promise<void> {
  const file = await open(path, 'w')
  try {
    const scales = new Float32Array(encoding === 'int8' ? count : 0)
    let at = rowOffset(encoding, count, dims, 0)
    let row = 0
    let parts: Uint8Array[] = []
    let buffered = 0
    const drain = async (): Promise<void> => {
      const block = Buffer.concat(parts)
      await writeAt(file, block, at)
      at += block.length
      parts = []
      buffered = 0
    }
    for await (const vector of vectors) {
      const { bytes, scale } = encodeVector(encoding, vector)
      if (encoding === 'int8') scales[row] = scale
      row++
      parts.push(bytes)
      buffered += bytes.length
      if (buffered >= BUFFERED_BYTES) await drain()
    }
    await drain()
    await writeAt(file, new Uint8Array(scales.buffer), 0)
  } finally {
    await file.close()
  }
}

/** On a nearly full disk a write can be short: the next one then fails with ENOSPC. */
async function writeAt (file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length;) done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten
}
