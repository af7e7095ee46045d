// Checkpoint of encoded photos on disk, from which a killed build resumes.
import { open, truncate, type FileHandle } from 'node:fs/promises'
import { fromBase64, toBase64 } from '../../math/vector.ts'
import type { Box } from '../../types.ts'
import { readLines, withChecksum, parseChecksummed } from '../storage/jsonl.ts'

/** The result of one photo. */
export type PhotoOutcome = FaceOutcome
  | { readonly kind: 'none', readonly reason: 'no face' | 'unreadable', readonly detail: string }

export interface FaceOutcome {
  readonly kind: 'face'
  readonly faces: number
  readonly box: Box
  readonly photoWidth: number
  readonly photoHeight: number
  /** Why the face is a poor reference, as part of a sentence; absent where it is a good one. */
  readonly lacks?: string | undefined
}

export interface PhotoCheckpoint {
  /** Photos that were in the file when it was opened. */
  readonly resumed: number
  /** Whether the file was of another build, or of an earlier version, and was emptied. */
  readonly discarded: boolean
  get: (key: string) => PhotoOutcome | undefined
  /** Calls must not overlap. */
  add: (key: string, outcome: PhotoOutcome, face?: Float32Array) => Promise<void>
  /** The face embedding of a photo with outcome `face`. */
  face: (key: string) => Promise<Float32Array>
  close: () => Promise<void>
}

/** A line of the file: its offset and its size, bytes. */
interface Line { readonly outcome: PhotoOutcome, readonly offset: number, readonly bytes: number }

const MAX_LINE_BYTES = 1 << 22
const LINES_PER_SYNC = 200
/** Raised when older outcomes lack something: 2 judges the face. */
const FORMAT = 2

/**
 * Opens the checkpoint, or starts an empty one where it is missing or has another `recipe`. Each line has a checksum: the first
 * broken line and all lines after it, which a crash can leave, are dropped.
 *
 * @param recipe hash of everything besides the photo that results depend on.
 */
export async function openPhotoCheckpoint (path: string, recipe: string): Promise<PhotoCheckpoint> {
  const lines = new Map<string, Line>()
  const header = withChecksum({ recipe, format: FORMAT })
  let end = await readIndexOfLines(path, header, lines)
  if (end === 0) lines.clear()
  const file = await open(path, 'a+')
  const discarded = end === 0 && (await file.stat()).size > 0
  await truncate(path, end)
  if (end === 0) end += await append(file, header)
  const resumed = lines.size
  let unsynced = 0
  return {
    resumed,
    discarded,
    get: key => lines.get(key)?.outcome,
    async add (key, outcome, face) {
      if (lines.has(key)) return
      const line = withChecksum({ key, outcome, ...(face === undefined ? {} : { face: toBase64(face) }) })
      const bytes = await append(file, line)
      lines.set(key, { outcome, offset: end, bytes })
      end += bytes
      if (++unsynced % LINES_PER_SYNC === 0) await file.datasync()
    },
    async face (key) {
      const { offset, bytes } = lines.get(key)!
      const { buffer } = await file.read(Buffer.alloc(bytes), 0, bytes, offset)
      const { face } = parseChecksummed(buffer.toString('utf8').trimEnd()) as { face: string }
      return fromBase64(face)
    },
    close: async () => { await file.close() }
  }
}

/** Fills `lines`. @returns size of the intact part, bytes; 0 where the file must be started anew. */
async function readIndexOfLines (path: string, header: string, lines: Map<string, Line>): Promise<number> {
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
      lines.set(key, { outcome, offset: line.offset, bytes: line.bytes + 1 })
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
