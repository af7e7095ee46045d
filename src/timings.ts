// Measures stages.
import type { Stage, Timings } from './types.ts'

/** @returns a function that runs `work` and adds its time, ms, to that stage of `timings`. */
export function createTimer (timings: Timings): <T>(stage: Stage, work: () => T | Promise<T>) => Promise<T> {
  return async (stage, work) => {
    const start = performance.now()
    const result = await work()
    timings[stage] = (timings[stage] ?? 0) + performance.now() - start
    return result
  }
}
