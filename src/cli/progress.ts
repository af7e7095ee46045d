// Progress of long work: a bar on a terminal, plain lines elsewhere, always on standard error.
import { SingleBar } from 'cli-progress'

export interface Progress {
  /** @param total where it has become known, or has changed. */
  update: (done: number, total?: number) => void
  stop: () => void
}

/**
 * @param label what is being done. @param unit what is counted, such as `photos` or `MB`.
 * @param from what was done before; rate and time left are of what is done from here on.
 */
export function startProgress (label: string, total: number, unit: string, from = 0): Progress {
  const start = performance.now()
  const rate = (done: number): string => {
    const perSecond = 1000 * (done - from) / Math.max(1, performance.now() - start)
    return perSecond.toFixed(perSecond < 10 ? 1 : 0)
  }
  const bar = new SingleBar({
    stream: process.stderr,
    format: `${label} [{bar}] {percentage}% | {value}/{total} ${unit} | {rate}/s | {duration_formatted} | {eta_formatted} left`,
    etaBuffer: 100,
    hideCursor: true,
    noTTYOutput: true,
    notTTYSchedule: 5000
  })
  bar.start(total, from, { rate: '–' })
  return {
    update: (done, total) => {
      if (total !== undefined) bar.setTotal(total)
      bar.update(done, { rate: rate(done) })
    },
    stop: () => { bar.stop() }
  }
}
