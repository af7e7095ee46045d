// Log lines to a pipe whose reader may stand still, or to a disk that may be full. Neither the event loop nor the end of the process
// waits for it, and memory is bounded: lines beyond the limit are dropped and counted.
import { writeSync } from 'node:fs'
import type { Writable } from 'node:stream'

export interface LogStream {
  readonly write: (line: string) => void
  /** Calls back when every line was read, at the latest after FLUSH_MS. */
  readonly flush: (done: () => void) => void
}

/** Largest number of bytes that wait for the reader, some 3,000 lines. */
const MAX_WAITING = 1 << 20
/** Longest time for the reader at the end of the process, ms. */
const FLUSH_MS = 1000

/**
 * @param out does not block: on a pipe, `process.stdout`, unless a child process inherits it.
 * @param note the line that reports how many lines were dropped; it is written as soon as lines can be written again.
 */
export function createLogStream (out: Writable, note: (dropped: number) => string): LogStream {
  let dropped = 0
  let gone = false
  const isFull = (): boolean => out.writableLength > MAX_WAITING
  const report = (): void => {
    if (dropped === 0 || gone || isFull()) return
    const line = note(dropped)
    dropped = 0
    out.write(line)
  }
  out.on('drain', report)
  // The reader ended: the service goes on without a log.
  out.on('error', () => { gone = true })
  return {
    write (line) {
      if (gone) return
      report()
      if (isFull()) dropped++
      else out.write(line)
    },
    flush (done) {
      const timer = setTimeout(done, FLUSH_MS)
      const finish = (): void => {
        clearTimeout(timer)
        done()
      }
      if (gone || out.writableLength === 0) finish()
      else out.write('', finish)
    }
  }
}

/** Lines to a file. Those that cannot be written, as on a full disk, are dropped. */
export function createLogFile (fd: number, note: (dropped: number) => string): Pick<LogStream, 'write'> {
  let dropped = 0
  return {
    write (line) {
      try {
        if (dropped > 0) writeSync(fd, note(dropped))
        dropped = 0
        writeSync(fd, line)
      } catch {
        dropped++
      }
    }
  }
}
