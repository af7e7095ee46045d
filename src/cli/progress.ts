// Progress of long work: a bar on a terminal, plain lines elsewhere, always on standard error.
import { SingleBar } from 'cli-progress'

export interface Progress {
  /** @param total new total, where it has changed. */
  update: (done: number, total?: number) => void
  stop: () => void
}

/** Time window of the displayed rate, ms. Work that an earlier run finished passes at once and must not count. */
const RATE_MS = 30_000

/**
 * @param label of the bar. @param unit of `done` and `total`, such as `photos` or `MB`.
 * @param from units that an earlier run finished.
 */
export function startProgress (label: string, total: number, unit: string, from = 0): Progress {
  const bar = new SingleBar({
    stream: process.stderr,
    format: `${label} [{bar}] {percentage}% | {value}/{total} ${unit} | {rate} ${unit}/s | {duration_formatted} | {eta_formatted} left`,
    etaBuffer: 100,
    hideCursor: true,
    noTTYOutput: true,
    notTTYSchedule: 5000
  })
  const rate = createRate()
  bar.start(total, from, { rate: '–' })
  return {
    update: (done, total) => {
      if (total !== undefined) bar.setTotal(total)
      bar.update(done, { rate: rate(done, performance.now()) })
    },
    stop: () => { bar.stop() }
  }
}

/** @returns a function of a count and its time, ms, that returns the rate per second as text. */
export function createRate (): (done: number, at: number) => string {
  const seen: Array<{ readonly done: number, readonly at: number }> = []
  return (done, at) => {
    // Ten samples a second are enough.
    if (at - (seen.at(-1)?.at ?? -Infinity) >= 100) seen.push({ done, at })
    while (seen.length > 2 && seen[0]!.at < at - RATE_MS) seen.shift()
    const first = seen[0]!
    const perSecond = 1000 * (done - first.done) / (at - first.at)
    return Number.isFinite(perSecond) ? perSecond >= 10 ? perSecond.toFixed(0) : perSecond.toFixed(1) : '–'
  }
}
