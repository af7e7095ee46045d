// The write-ahead log of an index: changes are flushed to the disk before they are acknowledged.
import { setImmediate } from 'node:timers/promises'
import { errors } from '../../errors.ts'
import { writeError } from '../storage/atomic-folder.ts'
import { checksumOf } from '../storage/jsonl.ts'
import { change, type Change } from './change.ts'
import { createSerial } from '../../serial.ts'
import { keepBytes, openWalFile, type WalFile } from './wal-file.ts'
import { encodeLines, encodeLog, WAL_FORMAT_VERSION, type WalContent } from './wal-format.ts'

export interface Wal {
  /** Resolves when the changes are on the disk. Calls share one flush. @throws VEL_ERR_NOT_WRITTEN */
  readonly append: (changes: readonly Change[]) => Promise<void>
  /** Replaces the log by the changes that still count; appends wait. @throws VEL_ERR_NOT_WRITTEN */
  readonly rewrite: () => Promise<void>
  readonly close: () => Promise<void>
}

export interface WalOptions {
  /** All acknowledged changes that still count. */
  readonly effective: () => Iterable<Change>
  /** Fires when another process may write the log: from then on this one does not. */
  readonly lost: AbortSignal
  readonly warn: (sentence: string) => void
}

interface Waiting { readonly changes: readonly Change[], readonly resolve: () => void, readonly reject: (error: Error) => void }

/**
 * Opens a log for writing after `content` was read from it; the caller holds its lock. A log of an older format is rewritten.
 *
 * @throws VEL_ERR_INDEX where it cannot be written.
 */
export async function openWal (path: string, content: WalContent, options: WalOptions): Promise<Wal> {
  const file = await openFile(path, content, options)
  const { write, rewrite } = createWriter(path, file, content.checksum, options)
  const inTurn = createSerial()
  let waiting: Waiting[] = []
  let closed = false

  const commit = async (): Promise<void> => {
    const group = waiting
    waiting = []
    if (group.length === 0) return
    try {
      if (closed) throw new Error(`${path} is closed`)
      await write(group.flatMap(({ changes }) => changes))
      for (const { resolve } of group) resolve()
    } catch (error) {
      const refusal = errors.notWritten((error as Error).message)
      for (const { reject } of group) reject(refusal)
    }
  }
  if (content.formatVersion < WAL_FORMAT_VERSION) {
    await rewrite().catch(async (error: unknown) => {
      await file.close()
      throw writeError(path, error)
    })
  }
  return {
    async append (changes) {
      requireReadable(changes)
      const written = new Promise<void>((resolve, reject) => { waiting.push({ changes, resolve, reject }) })
      // Not until its own turn: a group before may have written it, and a rewrite between the two would not know it yet.
      void inTurn(commit)
      await written
    },
    async rewrite () {
      await inTurn(async () => {
        if (closed) throw new Error(`${path} is closed`)
        // What was written just now becomes effective first.
        await setImmediate()
        await rewrite()
      }).catch((error: Error) => { throw errors.notWritten(error.message) })
    },
    async close () {
      await inTurn(async () => {
        closed = true
        await file.close()
      })
    }
  }
}

/** Writes chained lines to `file` as long as the lock is held. @param checksum of the last line in the file. */
function createWriter (path: string, file: WalFile, checksum: string, { effective, lost, warn }: WalOptions): {
  readonly write: (changes: readonly Change[]) => Promise<void>
  readonly rewrite: () => Promise<void>
} {
  const requireLock = (): void => {
    if (lost.aborted) throw new Error(`this process stood still and lost the lock on ${path}; start it again`)
  }
  const rewrite = async (): Promise<void> => {
    requireLock()
    let last = ''
    const lines = function * (): Generator<string> {
      for (const line of encodeLog(effective())) yield last = line
    }
    await file.replace(lines())
    checksum = checksumOf(last)
  }
  return {
    rewrite,
    async write (changes) {
      try {
        requireLock()
        if (!file.intact()) await rewrite()
        const lines = [...encodeLines(changes, checksum)]
        await file.append(lines.join(''))
        checksum = checksumOf(lines.at(-1)!)
        requireLock()
      } catch (error) {
        // Acknowledged changes are to be on the disk again as soon as possible, not only with the next change.
        if (!file.intact()) await rewrite().catch((failure: Error) => { warn(`${path} could not be written again: ${failure.message}`) })
        throw error
      }
    }
  }
}

async function openFile (path: string, { end, torn, damagedLine }: WalContent, { warn }: WalOptions): Promise<WalFile> {
  try {
    if (damagedLine !== null) {
      const kept = await keepBytes(path, end)
      const advice = 'its changes are left out; restore the log from a copy to have them back'
      warn(`${kept}: line ${damagedLine} was damaged after it was written; ${advice}`)
    } else if (torn > 0) {
      warn(`${path}: dropped ${torn} bytes after the last whole change: a write that was cut and never acknowledged`)
    }
    return await openWalFile(path, end, warn)
  } catch (error) {
    throw writeError(path, error)
  }
}

/** @throws VEL_ERR_NOT_WRITTEN where a change could not be read back: with it in the log, no server would start. */
function requireReadable (changes: readonly Change[]): void {
  for (const one of changes) {
    const issue = change.safeParse(one).error?.issues[0]
    if (issue === undefined) continue
    throw errors.notWritten(`${one.kind} of ${one.entity} could not be read back: ${issue.path.join('.')}: ${issue.message}`)
  }
}
