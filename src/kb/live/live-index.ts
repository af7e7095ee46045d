// A knowledge base that is served and changed: an index folder, the changes since, and the swap from one index to the next.
import { resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { IndexInfo } from '../../types.ts'
import { errors } from '../../errors.ts'
import { acquireIndexLock, withLock } from '../storage/lock.ts'
import { stamp, type Change, type ChangeDraft } from './change.ts'
import { openWal, readWal, type Wal } from './wal.ts'
import { createChangeSet } from './change-set.ts'
import { writeView } from './compact.ts'
import { siblingPath, writeError } from '../storage/atomic-folder.ts'
import { createIndexHandle } from './index-handle.ts'
import type { IndexedKnowledgeBase } from '../search/open-index.ts'
import { createView, differences, type KnowledgeBaseView, type OverlayEntity } from './overlay.ts'
import { readIndexManifest } from '../storage/read-manifest.ts'
import type { Tell } from '../search/threads.ts'
import type { OnProgress } from '../build/progress.ts'

export interface LiveOptions {
  readonly dir: string
  /** Opens the index folder as it is now. */
  readonly open: () => Promise<IndexedKnowledgeBase>
  /** Of the face encoder that asks. */
  readonly recipe: string
  /** Changes are taken and kept in the log; one process alone may do so. Otherwise the log is read, where there is one. */
  readonly writable: boolean
  readonly say: Tell
  /** Entities that differ from the index from which on it is written anew by itself; null never. */
  readonly compactFrom?: number | null | undefined
}

export interface LiveListener {
  /** Changes made here, once they are durable. */
  readonly changed: (changes: readonly Change[]) => void
  readonly swapped: () => void
}

export interface LiveIndex {
  /** What there is now; it stays as it is when changes come. */
  readonly view: () => KnowledgeBaseView
  /** Lends the view to `work`; its index stays open until `work` is done, also where another is swapped in meanwhile. */
  readonly use: <T>(work: (kb: KnowledgeBaseView) => Promise<T>) => Promise<T>
  /** Resolves when the change is durable and visible. @throws VEL_ERR_NOT_WRITTEN */
  readonly change: (draft: ChangeDraft) => Promise<Change>
  /** Takes in changes that were made elsewhere, in any order, known ones too. */
  readonly receive: (changes: readonly Change[]) => Promise<void>
  /** All changes that still count. */
  readonly changes: () => Iterable<Change>
  /**
   * Opens the folder anew and swaps it in. `quietly`: without telling the listeners.
   *
   * @throws VEL_ERR_RELOAD where it cannot be opened; the one before stays.
   */
  readonly reload: (how?: { readonly quietly: boolean }) => Promise<IndexInfo>
  /** Writes the folder's index with the changes as a new index and swaps it in. @throws VEL_ERR_INDEX, VEL_ERR_RELOAD where the folder cannot be opened or written */
  readonly compact: (onProgress?: OnProgress) => Promise<IndexInfo>
  readonly listen: (listener: LiveListener) => void
  readonly close: () => Promise<void>
}

/** Comparing this many faces takes about a millisecond. */
const COMPACT_FROM = 2000

/** Wait after a compaction that failed, as on a full disk: not every change tries it again. */
const COMPACT_AGAIN_MS = 600_000

/** Where the changes of index `dir` are. */
export function walPath (dir: string): string {
  return `${resolve(dir)}.changes`
}

/** @throws VEL_ERR_INDEX where index or log are damaged, or another process has the log open for writing. */
export async function openLiveIndex (options: LiveOptions): Promise<LiveIndex> {
  const { dir, open, recipe, writable, say, compactFrom = COMPACT_FROM } = options
  const changes = createChangeSet()
  const listeners: LiveListener[] = []
  const base = await open()
  const release = writable ? (await acquireIndexLock(dir, siblingPath(dir, 'changes.lock')).catch((error: unknown) => { throw writeError(dir, error) })).release : async () => {}
  let log: Wal | null = null
  try {
    log = await openLog(dir, writable, changes.apply, say)
  } catch (error) {
    await release()
    throw error
  }
  const others = [...changes.effective()].filter(one => one.kind === 'add-image' && one.recipe !== recipe).length
  if (others > 0) say('warn', `${others} added photos were encoded by another model than the one that runs: they are not searched; add them again, or set MODEL_PACK back`)

  const handle = createIndexHandle(base)
  let current = lay(base)
  let swaps: Promise<unknown> = Promise.resolve()
  let compacting = false
  let compactNotBefore = 0

  function lay (under: IndexedKnowledgeBase): KnowledgeBaseView {
    const overlay = new Map<string, OverlayEntity>()
    for (const id of changes.ids()) {
      const other = differences(under, changes, id, recipe)
      if (other !== undefined) overlay.set(id, other)
    }
    return createView(under, overlay, changes.digest())
  }

  const absorb = (news: readonly Change[]): void => {
    const overlay = new Map(current.overlay)
    for (const one of news) {
      if (!changes.apply(one)) continue
      const other = differences(current.base, changes, one.entity, recipe)
      if (other === undefined) overlay.delete(one.entity)
      else overlay.set(one.entity, other)
    }
    current = createView(current.base, overlay, changes.digest())
    if (log === null || compactFrom === null || compacting || overlay.size < compactFrom || Date.now() < compactNotBefore) return
    compacting = true
    void live.compact().catch((error: Error) => {
      compactNotBefore = Date.now() + COMPACT_AGAIN_MS
      say('warn', `the changes stay in the log alone: ${error.message}`)
    }).finally(() => { compacting = false })
  }

  const oneAtATime = async <T>(work: () => Promise<T>): Promise<T> => {
    const done = swaps.then(work)
    swaps = done.catch(() => {})
    return await done
  }

  const swap = async (): Promise<IndexInfo> => {
    const next = await open().catch((error: Error) => { throw errors.reload(error.message) })
    if (!writable) for (const one of (await readWal(walPath(dir)).catch((error: Error) => { throw errors.reload(error.message) })).changes) changes.apply(one)
    current = lay(next)
    handle.swap(next)
    return current.info
  }

  const live: LiveIndex = {
    view: () => current,
    async use (work) {
      const giveBack = handle.borrow()
      try {
        return await work(current)
      } finally {
        giveBack()
      }
    },
    async change (draft) {
      if (log === null) throw errors.notWritten('this process reads the index only')
      const one = stamp(draft, changes.latest())
      await log.append([one])
      absorb([one])
      for (const { changed } of listeners) changed([one])
      return one
    },
    async receive (given) {
      const news = given.filter(changes.isNews)
      if (news.length === 0) return
      await log?.append(news)
      absorb(news)
    },
    changes: changes.effective,
    reload: async how => await oneAtATime(async () => {
      const info = await swap()
      if (how?.quietly !== true) for (const { swapped } of listeners) swapped()
      return info
    }),
    compact: async onProgress => await oneAtATime(async () => {
      if (log === null) throw errors.notWritten('this process reads the index only')
      await withLock(dir, siblingPath(dir, 'lock'), async () => {
        // What was built, calibrated or weighed meanwhile is what the changes are written into.
        if (!isDeepStrictEqual(await readIndexManifest(dir), current.base.manifest)) await swap()
        await writeView(dir, current, onProgress)
      })
      const info = await swap()
      await log.rewrite(changes.effective)
      say('info', `index ${info.name} ${info.version} was written anew with its changes`)
      return info
    }),
    listen: listener => { listeners.push(listener) },
    async close () {
      await swaps
      await log?.close()
      log = null
      handle.close()
      await release()
    }
  }
  return live
}

async function openLog (dir: string, writable: boolean, apply: (change: Change) => void, say: LiveOptions['say']): Promise<Wal | null> {
  const path = walPath(dir)
  const content = await readWal(path)
  content.changes.forEach(apply)
  if (!writable) return null
  if (content.torn > 0) say('warn', `${path}: dropped ${content.torn} bytes after the last whole change: a write that was cut and never acknowledged`)
  return await openWal(path, content)
}
