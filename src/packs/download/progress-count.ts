// One sum over downloads that go on at once.

export interface ProgressCount {
  /** `key`: which download. Its bytes may fall when it starts again. */
  set: (key: string, doneBytes: number, totalBytes: number) => void
}

export function countProgress (report: ((doneBytes: number, totalBytes: number) => void) | undefined): ProgressCount {
  const downloads = new Map<string, readonly [number, number]>()
  return {
    set (key, doneBytes, totalBytes) {
      downloads.set(key, [doneBytes, totalBytes])
      if (report === undefined) return
      let done = 0
      let total = 0
      for (const [d, t] of downloads.values()) {
        done += d
        total += t
      }
      report(done, total)
    }
  }
}
