// Entities and vectors to an index folder, hashed, measured and swapped in at once.
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
import { tuneInProcess, type TuneStage } from './tune.ts'
import { hashFile, replaceFolder } from '../storage/atomic-folder.ts'
import { ENTITIES_FILE, FORMAT_VERSION, indexVersion, MANIFEST_FILE, REPORT_FILE, spaceFiles, type FileManifest, type FusionManifest, type IndexManifest, type SpaceManifest, type Encoding } from '../storage/manifest.ts'
import { encodeVector, rowOffset } from '../search/vector-table.ts'

/** Vectors of one space, read one at a time, so that they are never all in memory as float32. */
export interface VectorSource {
  readonly encoder: EncoderIdentity
  /** Entity row of each vector, ascending. */
  readonly entityRows: Uint32Array
  /** L2-normalised float32 `[encoder.dims]`. */
  read: (vector: number) => Promise<Float32Array>
  /** Image id of each vector, 16 hex digits, null where it is not known; absent where vectors come from texts. */
  readonly images?: ReadonlyArray<string | null> | undefined
}

export interface IndexContent {
  readonly name: string
  readonly pack: string
  readonly decision: Decision
  readonly calibration?: Calibration | undefined
  readonly fusion?: FusionManifest | undefined
  readonly entities: readonly Entity[]
  readonly spaces: { readonly [S in Space]?: VectorSource }
  /** What is kept in the folder for people. @param alike look-alikes among the faces. */
  readonly report?: ((alike: readonly DuplicatePair[]) => unknown) | undefined
  /** False where the report needs none of them: the comparison of all faces is spared. */
  readonly findDuplicates?: boolean | undefined
}

export type WriteStage = 'vectors' | TuneStage

export type OnWriting = (stage: WriteStage, done: number, total: number) => void

/** Writes `dir` anew. @throws VEL_ERR_INDEX where it cannot be written; what was there is whole then. */
export async function writeIndex (dir: string, content: IndexContent, onWriting: OnWriting = () => {}): Promise<IndexManifest> {
  let written: IndexManifest | undefined
  await replaceFolder(dir, async folder => {
    await pipeline(Readable.from(entityLines(content.entities)), createWriteStream(join(folder, ENTITIES_FILE)))
    const spaces: { [S in Space]?: SpaceManifest } = {}
    for (const [space, source] of Object.entries(content.spaces) as Array<[Space, VectorSource]>) {
      const { manifest, alike } = await writeSpace(folder, space, source, content, onWriting)
      spaces[space] = manifest
      if (space === 'face' && content.report !== undefined) await writeFile(join(folder, REPORT_FILE), JSON.stringify(content.report(alike), null, 2) + '\n')
    }
    written = await sealManifest(folder, content, spaces)
    await writeFile(join(folder, MANIFEST_FILE), JSON.stringify(written, null, 2) + '\n')
  })
  return written!
}

async function sealManifest (folder: string, { name, pack, decision, calibration, fusion, entities, spaces: sources }: IndexContent, spaces: { [S in Space]?: SpaceManifest }): Promise<IndexManifest> {
  const files: Record<string, FileManifest> = {}
  for (const file of (await readdir(folder)).sort()) files[file] = await hashFile(join(folder, file))
  const counts = { entities: entities.length, withFace: new Set(sources.face?.entityRows).size }
  const { threshold, ambiguousMargin, measuredOn } = decision
  const unsigned = { formatVersion: FORMAT_VERSION, name, pack, counts, spaces, decision: { threshold, ambiguousMargin, measuredOn }, ...(calibration === undefined ? {} : { calibration }), ...(fusion === undefined ? {} : { fusion }), files } as const
  const { formatVersion, ...rest } = unsigned
  return { formatVersion, version: indexVersion(unsigned), created: new Date().toISOString(), ...rest }
}

async function writeSpace (folder: string, space: Space, source: VectorSource, { entities, findDuplicates: findAlike = true }: IndexContent, onWriting: OnWriting): Promise<{ manifest: SpaceManifest, alike: readonly DuplicatePair[] }> {
  const { encoder, entityRows } = source
  const { dims } = encoder
  const count = entityRows.length
  const names = spaceFiles(space)
  const { encoding, loss } = await chooseEncoding(count, dims, source.read)
  await writeVectors(join(folder, names.vectors), encoding, count, dims, readAll(source, done => { onWriting('vectors', done, count) }))
  await writeFile(join(folder, names.rows), new Uint8Array(entityRows.buffer, entityRows.byteOffset, entityRows.byteLength))
  if (source.images !== undefined) await writeFile(join(folder, names.images), BigUint64Array.from(source.images, image => BigInt(`0x${image ?? 0}`)))
  const job = { vectors: join(folder, names.vectors), encoding, count, dims, faces: space === 'face' ? { rows: join(folder, names.rows), entities: entities.length, usual: join(folder, names.usual), findAlike } : null, graph: join(folder, names.graph), coarse: join(folder, names.coarse), axes: join(folder, names.axes) }
  const { search, msPerQuery, duplicates: alike } = await tuneInProcess(job, (stage, done) => { onWriting(stage, done, count) })
  const { name, sha256, recipe } = encoder
  return { manifest: { encoder: { name, sha256, recipe }, dims, vectors: count, encoding, encodingLoss: loss, search, msPerQuery }, alike }
}

async function * readAll ({ entityRows, read }: VectorSource, onRead: (done: number) => void): AsyncGenerator<Float32Array> {
  for (let vector = 0; vector < entityRows.length; vector++) {
    yield await read(vector)
    onRead(vector + 1)
  }
}

function * entityLines (entities: readonly Entity[]): Generator<string> {
  for (const { id, name, description, aliases } of entities) yield JSON.stringify({ id, name, description, aliases }) + '\n'
}

const BUFFERED_BYTES = 1 << 20

/** Streams `count` vectors into `path` in `encoding`; holds one buffer and, for int8, the scales. */
export async function writeVectors (path: string, encoding: Encoding, count: number, dims: number, vectors: AsyncIterable<Float32Array>): Promise<void> {
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

/** A disk that is nearly full takes a part, and refuses the rest when it is asked again. */
async function writeAt (file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length;) done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten
}
