// Erases what was deleted from the disk: some time after a deletion, so that many deletions cost one compaction.

const DAY_MS = 86_400_000
/** Wait after an erasure that failed, as on a full disk. */
const RETRY_MS = 600_000

export interface Eraser {
  /** Something is to be erased: starts the time, unless it runs. */
  readonly due: () => void
  readonly close: () => void
}

export interface EraserOptions {
  /** Time from the first deletion to the erasure, ms; null for never. */
  readonly afterMs: number | null
  readonly erase: () => Promise<unknown>
  /** Whether something became due by its age; asked once a day. */
  readonly isOverdue: () => Promise<boolean>
  readonly failed: (error: Error) => void
}

export function createEraser ({ afterMs, erase, isOverdue, failed }: EraserOptions): Eraser {
  let timer: NodeJS.Timeout | undefined
  const startIn = (ms: number): void => {
    if (afterMs === null) return
    timer ??= setTimeout(() => {
      timer = undefined
      erase().catch((error: Error) => {
        failed(error)
        startIn(RETRY_MS)
      })
    }, ms).unref()
  }
  const due = (): void => { startIn(afterMs ?? 0) }
  const daily = afterMs === null
    ? undefined
    : setInterval(() => { isOverdue().then(is => { if (is) due() }, failed) }, DAY_MS).unref()
  return {
    due,
    close () {
      afterMs = null
      clearTimeout(timer)
      clearInterval(daily)
    }
  }
}
