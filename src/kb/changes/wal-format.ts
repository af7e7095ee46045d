// What the change log looks like: a header line, then lines of changes, each with its checksum and that of the line before.
import { z } from 'zod'
import { errors, isVelError } from '../../errors.ts'
import { checksumOf, parseChecksummed, readLines, withChecksum, type Line } from '../storage/jsonl.ts'
import { change, type Change } from './change.ts'

export interface WalContent {
  readonly changes: readonly Change[]
  /** 0 where there is no log, or an empty one. */
  readonly formatVersion: number
  /** Bytes up to which the log is whole. */
  readonly end: number
  /** Of the last whole line: the next one carries it. */
  readonly checksum: string
  /** Bytes after `end`. */
  readonly torn: number
  /** Number of the first line after `end` that was written whole, with its line feed, and damaged since; null for none. */
  readonly damagedLine: number | null
}

/** In format 1 a line is a list of changes and carries no checksum of the line before. Format 2 has no changes of the blocklist. */
export const WAL_FORMAT_VERSION = 3

const HEADER = { log: 'changes', formatVersion: WAL_FORMAT_VERSION }
const header = z.object({ log: z.literal(HEADER.log), formatVersion: z.int() })
const unchainedLine = z.array(change)
const chainedLine = z.object({ after: z.string(), changes: z.array(change) })

/** A line stays below MAX_LINE_BYTES by the bounds of a change. */
const CHANGES_PER_LINE = 32
const MAX_LINE_BYTES = 1 << 26

/**
 * Reads a log; a missing one is empty. What follows the last whole line was not acknowledged where it has no line feed: a
 * crash cut the write. A damaged line that is followed by a whole one is refused.
 *
 * @throws VEL_ERR_INDEX where the log is damaged, its format is newer, or the file is no change log.
 */
export async function readWal (path: string): Promise<WalContent> {
  const changes: Change[] = []
  const read = { formatVersion: 0, end: 0, checksum: '', torn: 0, damagedLine: null as number | null }
  let size = 0
  try {
    for await (const line of readLines(path, MAX_LINE_BYTES)) {
      size = line.offset + line.bytes + (line.ended ? 1 : 0)
      const value = line.ended && line.text !== null ? parseChecksummed(line.text) : undefined
      if (value === undefined) {
        if (line.number === 1 && !isCutHeader(line)) throw damaged(path, 1)
        if (line.ended) read.damagedLine ??= line.number
        continue
      }
      if (read.damagedLine !== null) throw damaged(path, read.damagedLine)
      if (line.number === 1) read.formatVersion = parseHeader(path, value)
      else changes.push(...parseLine(path, line.number, value, read))
      read.checksum = checksumOf(line.text!)
      read.end = size
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (isVelError(error)) throw error
    if (code !== 'ENOENT') throw errors.index(path, 'a readable change log', `${message}; check its permissions`)
  }
  return { ...read, changes, torn: size - read.end }
}

/** @returns the lines of a whole log. */
export function * encodeLog (changes: Iterable<Change>): Generator<string> {
  const first = withChecksum(HEADER)
  yield first
  yield * encodeLines(changes, checksumOf(first))
}

/** @param after checksum of the line before. @returns lines to append. */
export function * encodeLines (changes: Iterable<Change>, after: string): Generator<string> {
  for (const part of parts(changes)) {
    const line = withChecksum({ after, changes: part })
    after = checksumOf(line)
    yield line
  }
}

function * parts (changes: Iterable<Change>): Generator<Change[]> {
  let part: Change[] = []
  for (const one of changes) {
    part.push(one)
    if (part.length < CHANGES_PER_LINE) continue
    yield part
    part = []
  }
  if (part.length > 0) yield part
}

/** Whether a crash cut the first write of a log. Anything else without a whole header is another program's file. */
function isCutHeader ({ text, ended }: Line): boolean {
  if (ended || text === null) return false
  return [1, 2, WAL_FORMAT_VERSION].some(formatVersion => withChecksum({ ...HEADER, formatVersion }).startsWith(text))
}

function parseHeader (path: string, value: unknown): number {
  const { success, data } = header.safeParse(value)
  if (!success) throw damaged(path, 1)
  if (data.formatVersion <= WAL_FORMAT_VERSION) return data.formatVersion
  throw errors.index(path, `a change log of format version ${WAL_FORMAT_VERSION} or older`, `${data.formatVersion}; update this program`)
}

/** @param before what was read up to the line. */
function parseLine (path: string, number: number, value: unknown, before: Pick<WalContent, 'formatVersion' | 'checksum'>): Change[] {
  if (before.formatVersion === 1) {
    const { success, data } = unchainedLine.safeParse(value)
    if (!success) throw damaged(path, number)
    return data
  }
  const { success, data } = chainedLine.safeParse(value)
  if (!success) throw damaged(path, number)
  if (data.after !== before.checksum) throw damaged(path, number - 1)
  return data.changes
}

function damaged (path: string, line: number): Error {
  const advice = 'restore the file from a copy, or move it away to go on without the changes in it'
  return errors.index(path, 'a whole change log', `one whose line ${line} was changed or lost; ${advice}`)
}
