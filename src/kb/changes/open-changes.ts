// The changes of an index as they are kept: read into memory and, by the one process that may write, opened for more.
import { resolve } from 'node:path'
import type { Tell } from '../search/threads.ts'
import { siblingPath, writeError } from '../storage/atomic-folder.ts'
import { acquireIndexLock } from '../storage/lock.ts'
import { createChangeSet, type ChangeSet } from './change-set.ts'
import { openWal, type Wal } from './wal.ts'
import { readWal } from './wal-format.ts'

/** Where the changes of index `dir` are. */
export function walPath (dir: string): string {
  return `${resolve(dir)}.changes`
}

/** `stale`: whether the log also holds changes that later ones have superseded. */
export interface OpenedChanges extends Wal { readonly stale: boolean }

/**
 * Reads the log of index `dir` into `changes`.
 *
 * @returns the log, with its lock, open for writing; closing it releases the lock.
 * @throws VEL_ERR_INDEX where the log is damaged or cannot be written, or another process has it open for writing.
 */
export async function openChanges (dir: string, changes: ChangeSet, say: Tell): Promise<OpenedChanges> {
  const path = walPath(dir)
  const lock = await acquireIndexLock(dir, siblingPath(dir, 'changes.lock')).catch((error: unknown) => { throw writeError(dir, error) })
  try {
    const content = await readWal(path)
    content.changes.forEach(changes.apply)
    const wal = await openWal(path, content, { effective: changes.effective, lost: lock.lost, warn: sentence => { say('warn', sentence) } })
    return {
      ...wal,
      stale: content.changes.length > [...changes.effective()].length,
      async close () {
        await wal.close()
        await lock.release()
      }
    }
  } catch (error) {
    await lock.release()
    throw error
  }
}

/** The ids that are blocked in index `dir`, read without the lock of its log. @throws VEL_ERR_INDEX where the log is damaged. */
export async function readBlocked (dir: string): Promise<ReadonlySet<string>> {
  const changes = createChangeSet()
  await readChanges(dir, changes)
  return changes.blocked()
}

/** Reads the log of index `dir` into `changes`, without its lock. @throws VEL_ERR_INDEX where the log is damaged. */
export async function readChanges (dir: string, changes: ChangeSet): Promise<void> {
  const { changes: read } = await readWal(walPath(dir))
  read.forEach(changes.apply)
}
