// The heartbeat of a worker: a message in a fixed rhythm from its event loop. A worker that is stopped (SIGSTOP), or whose event
// loop hangs, is silent.

/** Time between two beats, ms. */
export const BEAT_MS = 500

/**
 * Silence after which a worker counts as hung, ms. One run of a graph blocks its event loop. The longest block measured in the
 * largest pictures, a group of 216 faces and 100 megapixels of noise, was 0.6 s (MTCNN with FaceNet) and 0.12 s with the default
 * pack; several processes on one core multiply it.
 */
export const SILENT_MS = 5000

export interface Heartbeat {
  /** Ends the silence. */
  readonly heard: () => void
  readonly stop: () => void
}

/**
 * Calls `onSilent` once, when nothing was heard for `silentMs`.
 *
 * Each tick of this process counts as BEAT_MS, however late it comes. Where the machine was suspended, or this process did not
 * run either, the silence of the worker is therefore no longer than this process was awake.
 */
export function watchHeartbeat (silentMs: number, onSilent: () => void): Heartbeat {
  let silence = 0
  const stop = (): void => { clearInterval(timer) }
  const timer = setInterval(() => {
    silence += BEAT_MS
    // The first tick may come just after a beat.
    if (silence <= silentMs) return
    stop()
    onSilent()
  }, BEAT_MS).unref()
  return { heard: () => { silence = 0 }, stop }
}
