// The machine that figures come from, in one line.
import { existsSync, readFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'
import '../../src/runtime/no-telemetry.ts'
import * as ort from 'onnxruntime-node'

export function describeMachine (): string {
  return `${cpus()[0]?.model.trim() ?? 'unknown CPU'}, ${availableParallelism()} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB; Node ` +
    `${process.versions.node}, onnxruntime-node ${ort.env.versions.node ?? '?'}, ${process.platform} ${process.arch}`
}

/**
 * Starts measuring CPU steal. @returns a function that returns the share, 0..1, of the time with work since then that a virtual
 * machine's host gave to others; null where the system does not report it.
 */
export function watchSteal (): () => number | null {
  const before = ticks()
  return () => {
    const after = ticks()
    return before === null || after === null ? null : (after.stolen - before.stolen) / Math.max(1, after.wanted - before.wanted)
  }
}

/** Of all cores since boot: time stolen, and time in which there was work, stolen or not. */
function ticks (): { readonly stolen: number, readonly wanted: number } | null {
  if (!existsSync('/proc/stat')) return null
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = readFileSync('/proc/stat', 'utf8')
    .split('\n')[0]!
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number)
  return { stolen: steal, wanted: user + nice + system + irq + softirq + steal }
}
