// What /proc tells about the processes of a service.
import { existsSync, readFileSync } from 'node:fs'

/**
 * Memory of a service and its workers, MB, now or at the peak of each process; null without /proc.
 * NOTE: pages that processes share are counted in each of them.
 */
export function memoryOf (pid: number, which: 'now' | 'peak'): { server: number, workers: number } | null {
  if (!existsSync('/proc/self/status')) return null
  const field = which === 'now' ? /^VmRSS:\s+(\d+) kB/m : /^VmHWM:\s+(\d+) kB/m
  const of = (p: number): number => {
    try {
      return Number(field.exec(readFileSync(`/proc/${p}/status`, 'utf8'))?.[1] ?? 0) * 1024 / 1e6
    } catch {
      return 0 // the process has ended
    }
  }
  return { server: of(pid), workers: childrenOf(pid).reduce((sum, p) => sum + of(p), 0) }
}

/** Process ids of the workers; none without /proc. */
export function childrenOf (pid: number): number[] {
  const children = `/proc/${pid}/task/${pid}/children`
  return existsSync(children) ? readFileSync(children, 'utf8').trim().split(' ').filter(p => p !== '').map(Number) : []
}
