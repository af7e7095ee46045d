// What a build has already computed, kept on disk so that a killed build goes on where it was.
import { open, truncate, type FileHandle } from 'node:fs/promises'
import type { Box } from '../../types.ts'
import { readLines, withChecksum, parseChecksummed } from '../storage/jsonl.ts'

/** What became of one photo. */
export type PhotoOutcome =
  | { readonly kind: 'face', readonly faces: number, readonly box: Box, readonly photoWidth: number, readonly photoHeight: number }
  | { readonly kind: 'none', readonly reason: 'no face' | 'unreadable', readonly detail: string }

export interface PhotoCheckpoint {
  /** Photos finished by an earlier run. */
  readonly resumed: number
  get: (key: string) => PhotoOutcome | undefined
  /** Calls must not overlap. */
  add: (key: string, outcome: PhotoOutcome, face?: Float32Array) => Promise<void>
  /** The face embedding of a photo with outcome `face`. */
  face: (key: string) => Promise<Float32Array>
  close: () => Promise<void>
}

interface Place { readonly outcome: PhotoOutcome, readonly offset: number, readonly bytes: number }

const MAX_LINE_BYTES = 1 << 22
const LINES_PER_SYNC = 200

/**
 * Opens the log, or starts an empty one where it is missing or `recipe` is another. Each line holds its own checksum;
 * the first line at fault and all after it, what a crash can leave, are dropped.
 *
 * @param recipe what results depend on besides the photo.
 */
export async function openPhotoCheckpoint (path: string, recipe: string): Promise<PhotoCheckpoint> {
  const places = new Map<string, Place>()
  const header = withChecksum({ recipe })
  let end = await readPlaces(path, header, places)
  if (end === 0) places.clear()
  const file = await open(path, 'a+')
  await truncate(path, end)
  if (end === 0) end += await append(file, header)
  const resumed = places.size
  let unsynced = 0
  return {
    resumed,
    get: key => places.get(key)?.outcome,
    async add (key, outcome, face) {
      if (places.has(key)) return
      const line = withChecksum({ key, outcome, ...(face === undefined ? {} : { face: Buffer.from(face.buffer, face.byteOffset, face.byteLength).toString('base64') }) })
      const bytes = await append(file, line)
      places.set(key, { outcome, offset: end, bytes })
      end += bytes
      if (++unsynced % LINES_PER_SYNC === 0) await file.datasync()
    },
    async face (key) {
      const { offset, bytes } = places.get(key)!
      const { buffer } = await file.read(Buffer.alloc(bytes), 0, bytes, offset)
      const { face } = parseChecksummed(buffer.toString('utf8').trimEnd()) as { face: string }
      return new Float32Array(Uint8Array.from(Buffer.from(face, 'base64')).buffer)
    },
    close: async () => { await file.close() }
  }
}

/** @returns bytes up to which the log is whole; 0 where it must be started anew. */
async function readPlaces (path: string, header: string, places: Map<string, Place>): Promise<number> {
  let end = 0
  try {
    for await (const line of readLines(path, MAX_LINE_BYTES)) {
      if (!line.ended || line.text === null) break
      if (line.number === 1 && `${line.text}\n` !== header) return 0
      const value = parseChecksummed(line.text)
      if (value === undefined) break
      end = line.offset + line.bytes + 1
      if (line.number === 1) continue
      const { key, outcome } = value as { key: string, outcome: PhotoOutcome }
      places.set(key, { outcome, offset: line.offset, bytes: line.bytes + 1 })
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  return end
}

async function append (file: FileHandle, line: string): Promise<number> {
  const bytes = Buffer.from(line)
  await file.appendFile(bytes)
  return bytes.length
}
