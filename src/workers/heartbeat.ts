// The heartbeat of a worker: a message in a fixed rhythm from its event loop. A worker that is stopped (SIGSTOP), or whose event
// loop hangs, is silent.
import { readFileSync } from 'node:fs'

/** Time between two beats, ms. */
export const BEAT_MS = 500

/**
 * Silence after which a worker counts as hung, ms. One run of a graph blocks its event loop. The longest block measured in the
 * largest pictures, a group of 216 faces and 100 megapixels of noise, was 0.6 s (MTCNN with FaceNet) and 0.12 s with the default
 * pack.
 */
export const SILENT_MS = 5000

export interface Heartbeat {
  /** Ends the silence. */
  readonly heard: () => void
  readonly stop: () => void
}

/**
 * Calls `onSilent` once, when nothing was heard from process `pid` for `silentMs`.
 *
 * Time counts only as far as the worker could have used it. Each tick of this process counts as at most BEAT_MS, however late it
 * comes: where the machine was suspended, or this process did not run, the worker did not either. A worker that computes counts
 * with its processor time: on a machine with many processes it gets a fraction of each second, and 8 of them on two busy cores were
 * silent for up to 3 s. One that neither uses a processor nor waits for one is stopped, and counts in full.
 */
export function watchHeartbeat (pid: number, silentMs: number, onSilent: () => void): Heartbeat {
  let silence = 0
  let used = readProcess(pid).usedMs
  const stop = (): void => { clearInterval(timer) }
  const timer = setInterval(() => {
    const before = used
    const { usedMs, runnable } = readProcess(pid)
    used = usedMs
    silence += runnable || used > before ? Math.min(BEAT_MS, used - before) : BEAT_MS
    // The first tick may come just after a beat.
    if (silence <= silentMs) return
    stop()
    onSilent()
  }, BEAT_MS).unref()
  return { heard: () => { silence = 0 }, stop }
}

/** Linux counts processor time in hundredths of a second. */
const CLOCK_TICK_MS = 10

/**
 * Processor time of all threads of a process so far, ms, and whether its first thread, that of the event loop, runs or waits for a
 * processor. Where the system does not show it, the silence of the process counts in full.
 */
function readProcess (pid: number): { readonly usedMs: number, readonly runnable: boolean } {
  try {
    // The name in parentheses, the second field, may contain spaces. The state is field 3; user and system time are 14 and 15.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)!.split(' ')
    return { usedMs: (Number(fields[11]) + Number(fields[12])) * CLOCK_TICK_MS, runnable: fields[0] === 'R' }
  } catch {
    return { usedMs: 0, runnable: false }
  }
}
