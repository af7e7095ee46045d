// The file that makes changes last: one line a group of changes, each with its checksum, flushed before it is acknowledged.
import { open, truncate, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { errors, isVelError } from '../../errors.ts'
import { change, type Change } from './change.ts'
import { syncFolder, writeAtomic } from '../../files.ts'
import { writeError } from '../storage/atomic-folder.ts'
import { readLines, withChecksum, parseChecksummed } from '../storage/jsonl.ts'

export interface Wal {
  /** Resolves when the changes are on the disk. Calls share one flush. @throws VEL_ERR_NOT_WRITTEN */
  append: (changes: readonly Change[]) => Promise<void>
  /** Replaces the log by these changes at once; appends wait. */
  rewrite: (changes: () => Iterable<Change>) => Promise<void>
  close: () => Promise<void>
}

export interface WalContent {
  readonly changes: readonly Change[]
  /** Bytes up to which the log is whole. */
  readonly end: number
  /** Bytes after that: a write that was cut and never acknowledged. */
  readonly torn: number
}

const HEADER = { log: 'changes', formatVersion: 1 }
const MAX_LINE_BYTES = 1 << 26
const CHANGES_PER_LINE = 256

/**
 * Reads a log; a missing one is empty. What comes after the last whole line is what a crash left of a write that nobody
 * was told of; a broken line with whole ones behind it is damage.
 *
 * @throws VEL_ERR_INDEX where the log is damaged or its format is newer.
 */
export async function readWal (path: string): Promise<WalContent> {
  const changes: Change[] = []
  let end = 0
  let size = 0
  let broken: number | undefined
  try {
    for await (const line of readLines(path, MAX_LINE_BYTES)) {
      size = line.offset + line.bytes + (line.ended ? 1 : 0)
      const value = line.ended && line.text !== null ? parseChecksummed(line.text) : undefined
      if (value === undefined) {
        broken ??= line.number
        continue
      }
      if (broken !== undefined) throw damaged(path, broken)
      if (line.number === 1) checkHeader(path, value)
      else changes.push(...parseChanges(path, line.number, value))
      end = size
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (isVelError(error)) throw error
    if (code !== 'ENOENT') throw errors.index(path, 'a readable change log', `${message}; check its permissions`)
  }
  return { changes, end, torn: size - end }
}

/** Opens a log for writing after `content` was read from it. Only for who holds the lock. @throws VEL_ERR_INDEX where it cannot be written. */
export async function openWal (path: string, content: WalContent): Promise<Wal> {
  let file: FileHandle
  let end = content.end
  try {
    file = await open(path, 'a')
    await truncate(path, end)
    if (end === 0) end += await write(file, withChecksum(HEADER))
    await file.sync()
    await syncFolder(dirname(path))
  } catch (error) {
    throw writeError(path, error)
  }
  let dead: Error | undefined
  let waiting: Array<{ changes: readonly Change[], resolve: () => void, reject: (error: Error) => void }> = []
  let queue = Promise.resolve()

  const commit = async (): Promise<void> => {
    const group = waiting
    waiting = []
    if (group.length === 0) return
    try {
      if (dead !== undefined) throw dead
      const bytes = await write(file, lines(group.flatMap(({ changes }) => changes)))
      await file.datasync()
      end += bytes
      for (const { resolve } of group) resolve()
    } catch (error) {
      // What was half written must not stand before what comes next. Where that cannot be had, nothing comes next.
      await truncate(path, end).then(async () => { await file.datasync() }).catch((fault: Error) => { dead ??= fault })
      const fault = errors.notWritten((error as Error).message)
      for (const { reject } of group) reject(fault)
    }
  }
  /** After a rewrite the path has the old log or the new one, whole: appends must go to that file. */
  const reopen = async (): Promise<void> => {
    try {
      const opened = await open(path, 'a')
      await file.close().catch(() => {})
      file = opened
      end = (await file.stat()).size
    } catch (error) {
      dead ??= error as Error
      throw error
    }
  }
  const enqueue = async (work: () => Promise<void>): Promise<void> => {
    const done = queue.then(work)
    queue = done.catch(() => {})
    await done
  }
  return {
    async append (changes) {
      const written = new Promise<void>((resolve, reject) => { waiting.push({ changes, resolve, reject }) })
      await Promise.all([enqueue(commit), written])
    },
    rewrite: async changes => {
      await enqueue(async () => {
        try {
          await writeAtomic(path, wholeLog(changes()))
        } finally {
          await reopen()
        }
      })
    },
    async close () {
      await queue
      await file.close()
    }
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

function * wholeLog (changes: Iterable<Change>): Generator<string> {
  yield withChecksum(HEADER)
  for (const part of parts(changes)) yield lines(part)
}

/** A group is written by one call, in lines of a bounded length. */
function lines (changes: readonly Change[]): string {
  return [...parts(changes)].map(part => withChecksum(part)).join('')
}

async function write (file: FileHandle, text: string): Promise<number> {
  const bytes = Buffer.from(text)
  await file.appendFile(bytes)
  return bytes.length
}

function checkHeader (path: string, value: unknown): void {
  const header = z.object({ log: z.literal(HEADER.log), formatVersion: z.int() }).safeParse(value)
  if (!header.success) throw damaged(path, 1)
  if (header.data.formatVersion > HEADER.formatVersion) throw errors.index(path, `a change log of format version ${HEADER.formatVersion} or older`, `${header.data.formatVersion}; update this program`)
}

function parseChanges (path: string, line: number, value: unknown): Change[] {
  const parsed = z.array(change).safeParse(value)
  if (!parsed.success) throw damaged(path, line)
  return parsed.data
}

function damaged (path: string, line: number): Error {
  return errors.index(path, 'a whole change log', `one whose line ${line} was changed or lost; restore the file from a copy, or move it away to go on without the changes in it`)
}
