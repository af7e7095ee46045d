// Starts a compaction by itself when enough entities have changed.

/** Wait after a compaction that failed, as on a full disk: not every change tries it again. */
const RETRY_AFTER_MS = 600_000

/**
 * @param from changed entities from which on `compact` is called; null for never.
 * @param failed called with the error of a compaction.
 * @returns to be called with the number of changed entities after each change.
 */
export function createAutoCompact (
  from: number | null,
  compact: () => Promise<unknown>,
  failed: (error: Error) => void
): (changed: number) => void {
  let running = false
  let notBefore = 0
  return changed => {
    if (from === null || running || changed < from || Date.now() < notBefore) return
    running = true
    void compact().catch((error: Error) => {
      notBefore = Date.now() + RETRY_AFTER_MS
      failed(error)
    }).finally(() => { running = false })
  }
}
