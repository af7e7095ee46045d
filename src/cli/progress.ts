// Progress of long work: a bar on a terminal, plain lines elsewhere, always on standard error.
import { SingleBar } from 'cli-progress'

export interface Progress {
  /** @param total where it has become known, or has changed. */
  update: (done: number, total?: number) => void
  stop: () => void
}

/** @param label what is being done. @param unit what is counted, such as `photos` or `MB`. */
export function startProgress (label: string, total: number, unit: string): Progress {
  const bar = new SingleBar({
    stream: process.stderr,
    format: `${label} [{bar}] {percentage}% | {value}/{total} ${unit} | {duration_formatted} | {eta_formatted} left`,
    etaBuffer: 100,
    hideCursor: true,
    noTTYOutput: true,
    notTTYSchedule: 5000
  })
  bar.start(total, 0)
  return {
    update: (done, total) => {
      if (total !== undefined) bar.setTotal(total)
      bar.update(done)
    },
    stop: () => { bar.stop() }
  }
}
