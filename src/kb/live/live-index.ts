// A knowledge base that is served and changed: an index folder, the changes since, and the swap from one index to the next.
import { isDeepStrictEqual } from 'node:util'
import type { IndexInfo } from '../../types.ts'
import { errors } from '../../errors.ts'
import { withLock } from '../storage/lock.ts'
import { siblingPath } from '../storage/atomic-folder.ts'
import { readIndexManifest } from '../storage/read-manifest.ts'
import type { IndexedKnowledgeBase } from '../search/open-index.ts'
import type { Tell } from '../search/threads.ts'
import type { OnProgress } from '../build/progress.ts'
import { createAutoCompact } from './auto-compact.ts'
import { isTooFarAhead, stamp, type Change, type ChangeDraft } from '../changes/change.ts'
import { createChangeSet, type ChangeSet } from '../changes/change-set.ts'
import { writeView } from './compact.ts'
import { openChanges, readChanges, type OpenedChanges } from '../changes/open-changes.ts'
import { createEraser } from './eraser.ts'
import { hasLeftovers, removeLeftovers } from './leftovers.ts'
import { createOverlaidIndex } from './overlaid-index.ts'
import type { KnowledgeBaseView } from './overlay.ts'
import { createSerial } from '../../serial.ts'
import type { Wal } from '../changes/wal.ts'
import { isReceivable } from './receivable.ts'
import { deletes, isIn, isObsolete } from './tombstones.ts'

export interface LiveOptions {
  readonly dir: string
  /** Opens the index folder as it is now. */
  readonly open: () => Promise<IndexedKnowledgeBase>
  /** Of the face encoder that asks. */
  readonly recipe: string
  /** Changes are taken and kept in the log; only one process may do so. Otherwise the log is read, where there is one. */
  readonly writable: boolean
  readonly say: Tell
  /** Number of entities that differ from the index at which it is compacted automatically; null for never. */
  readonly compactFrom?: number | null | undefined
  /** Time from a deletion to the compaction that erases what was deleted from the disk, ms; null, the default, for never. */
  readonly eraseAfterMs?: number | null | undefined
}

export interface LiveListener {
  /** Changes made here, once they are durable, and the ids of those that they supersede. */
  readonly changed?: (changes: readonly Change[], superseded: readonly string[]) => void
  /** Changes made here or elsewhere, once they are visible. */
  readonly applied?: (changes: readonly Change[]) => void
  readonly swapped?: () => void
}

export interface LiveIndex {
  /** The current view; it stays as it is when changes come. */
  readonly view: () => KnowledgeBaseView
  /** Lends the view to `work`; its index stays open until `work` is done, also where another is swapped in meanwhile. */
  readonly use: <T>(work: (kb: KnowledgeBaseView) => Promise<T>) => Promise<T>
  /** Resolves when the change is durable and visible. @throws VEL_ERR_NOT_WRITTEN */
  readonly change: (draft: ChangeDraft) => Promise<Change>
  /**
   * Takes in changes that were made elsewhere, in any order, known ones too. Left out are those dated more than a day ahead, those
   * whose vectors do not fit, and deletions that are forgotten.
   *
   * @throws VEL_ERR_NOT_WRITTEN
   */
  readonly receive: (changes: readonly Change[]) => Promise<void>
  /** All changes that still count. */
  readonly changes: () => Iterable<Change>
  /**
   * Opens the folder again and swaps it in. `quietly`: without calling the listeners.
   *
   * @throws VEL_ERR_RELOAD where it cannot be opened; the index before stays.
   */
  readonly reload: (how?: { readonly quietly: boolean }) => Promise<IndexInfo>
  /**
   * Writes the folder's index with the changes as a new index and swaps it in.
   *
   * @throws VEL_ERR_INDEX, VEL_ERR_RELOAD where the folder cannot be opened or written; VEL_ERR_NOT_WRITTEN where the log cannot.
   */
  readonly compact: (onProgress?: OnProgress) => Promise<IndexInfo>
  readonly listen: (listener: LiveListener) => void
  readonly close: () => Promise<void>
}

/** Comparing this many faces takes about a millisecond. */
const COMPACT_FROM = 2000

/** @throws VEL_ERR_INDEX where index or log are damaged, or another process has the log open for writing. */
export async function openLiveIndex (options: LiveOptions): Promise<LiveIndex> {
  const { dir, open, recipe, writable, say, compactFrom = COMPACT_FROM, eraseAfterMs = null } = options
  const changes = createChangeSet()
  const { base, wal } = await openParts(dir, open, changes, writable, say)
  warnOfOtherEncoders(changes, recipe, say)
  const index = createOverlaidIndex(base, changes, recipe)
  const listeners: LiveListener[] = []
  const inTurn = createSerial()
  const autoCompact = createAutoCompact(wal === null ? null : compactFrom, async () => await live.compact(), error => {
    say('warn', `the changes stay in the log alone: ${error.message}`)
  })
  const isOld = (one: Change): boolean => isObsolete(index.view().base, one)
  const eraser = createEraser({
    afterMs: wal === null ? null : eraseAfterMs,
    erase: async () => await live.compact(),
    isOverdue: async () => [...changes.effective()].some(isOld) || await hasLeftovers(dir),
    failed: error => { say('warn', `what was deleted is still on the disk, and is tried again: ${error.message}`) }
  })
  const apply = (news: readonly Change[]): void => {
    index.apply(news)
    for (const { applied } of listeners) applied?.(news)
    if (news.some(deletes)) eraser.due()
    autoCompact(index.view().overlay.size)
  }
  const swap = async (): Promise<IndexInfo> => {
    const asReload = (error: Error): never => { throw errors.reload(error.message) }
    const next = await open().catch(asReload)
    if (wal === null) await readChanges(dir, changes).catch(asReload)
    return index.swap(next)
  }
  const live: LiveIndex = {
    view: index.view,
    use: index.use,
    async change (draft) {
      const one = stamp(draft, changes.latest())
      await requireWal(wal).append([one])
      const before = changes.idsOf(one.entity)
      apply([one])
      const after = new Set(changes.idsOf(one.entity))
      for (const { changed } of listeners) changed?.([one], before.filter(id => !after.has(id)))
      return one
    },
    async receive (given) {
      const { base } = index.view()
      const isForgotten = (one: Change): boolean => changes.of(one.entity) === undefined && isOld(one)
      const fitting = withoutMisfits(given, one => isReceivable(one, base, recipe), say)
      const news = withoutFuture(fitting.filter(one => changes.isNews(one) && !isForgotten(one)), say)
      if (news.length === 0) return
      await wal?.append(news)
      apply(news)
    },
    changes: changes.effective,
    reload: async how => await inTurn(async () => {
      const info = await swap()
      if (how?.quietly !== true) for (const { swapped } of listeners) swapped?.()
      return info
    }),
    compact: async onProgress => await inTurn(async () => {
      const log = requireWal(wal)
      await withLock(dir, siblingPath(dir, 'lock'), async () => {
        // What was built, calibrated or weighed meanwhile is what the changes are written into.
        if (!isDeepStrictEqual(await readIndexManifest(dir), index.view().base.manifest)) await swap()
        await writeView(dir, index.view(), onProgress)
        await removeLeftovers(dir)
      })
      await swap()
      changes.forget(isOld)
      index.apply([])
      const { info } = index.view()
      await log.rewrite()
      say('info', `index ${info.name} ${info.version} was written anew with its changes`)
      return info
    }),
    listen: listener => { listeners.push(listener) },
    async close () {
      eraser.close()
      await inTurn(async () => { await wal?.close() })
      index.close()
    }
  }
  // Deletions before a restart: the time starts anew.
  const deletions = [...changes.effective()].filter(deletes)
  if (deletions.some(one => isIn(base, one)) || (wal?.stale === true && deletions.length > 0) || await hasLeftovers(dir)) eraser.due()
  return live
}

/** The index is open before the log is, and closed again where the log cannot be opened. @returns `wal` null where it is read only. */
async function openParts (
  dir: string,
  open: LiveOptions['open'],
  changes: ChangeSet,
  writable: boolean,
  say: Tell
): Promise<{ base: IndexedKnowledgeBase, wal: OpenedChanges | null }> {
  const base = await open()
  try {
    if (writable) return { base, wal: await openChanges(dir, changes, say) }
    await readChanges(dir, changes)
    return { base, wal: null }
  } catch (error) {
    await base.close()
    throw error
  }
}

/** @throws VEL_ERR_NOT_WRITTEN */
function requireWal (wal: Wal | null): Wal {
  if (wal === null) throw errors.notWritten('this process reads the index only')
  return wal
}

function warnOfOtherEncoders (changes: ChangeSet, recipe: string, say: Tell): void {
  const others = [...changes.effective()].filter(one => one.kind === 'add-image' && one.recipe !== recipe).length
  if (others === 0) return
  const advice = 'they are not searched; add them again, or set MODEL_PACK back'
  say('warn', `${others} added photos were encoded by another model than the one that runs: ${advice}`)
}

/** A vector of another width or length would fail every search, or be near to everybody. */
function withoutMisfits (given: readonly Change[], fits: (one: Change) => boolean, say: Tell): Change[] {
  const kept = given.filter(fits)
  const dropped = given.length - kept.length
  const why = 'their vectors are not of this index, or not of length 1; do all servers of this Redis serve the same index?'
  if (dropped > 0) say('warn', `${dropped} changes of other servers were left out: ${why}`)
  return kept
}

/** One change far ahead would order all later ones after it, up to times that no log can hold. */
function withoutFuture (news: readonly Change[], say: Tell): Change[] {
  const kept = news.filter(one => !isTooFarAhead(one))
  const dropped = news.length - kept.length
  const why = 'they are dated more than a day ahead of this machine\'s clock; keep the clocks in step'
  if (dropped > 0) say('warn', `${dropped} changes of other servers were left out: ${why}`)
  return kept
}
