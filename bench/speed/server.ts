// Runs the real service as a separate process, as `npm start` does, and reads its memory and metrics from outside.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { benchIndex } from './bench-index.ts'
import { root } from './photos.ts'
import { freePort } from '../../test/helpers/free-port.ts'

const START_MS = 120_000

export interface BenchServer {
  readonly origin: string
  /** Memory of the server and its workers, MB, now or at the peak of each process; null without /proc. */
  readonly memoryMB: (which: 'now' | 'peak') => { readonly server: number, readonly workers: number } | null
  /** Process ids of the workers; none without /proc. */
  readonly workers: () => readonly number[]
  /** Samples of /metrics without labels, by name. Each scrape resets the event loop's delay. */
  readonly metrics: () => Promise<Readonly<Record<string, number>>>
  readonly stop: () => Promise<void>
}

/** Resolves when it is ready. Defaults that `env` overrides: one worker, warnings only. */
export async function startBenchServer (env: Readonly<Record<string, string>>): Promise<BenchServer> {
  const port = await freePort()
  const child = spawn(process.execPath, ['dist/cli/vel.js', 'serve'], {
    cwd: root,
    env: {
      PATH: process.env['PATH'],
      HOST: '127.0.0.1',
      PORT: String(port),
      LOG_LEVEL: 'warn',
      DRAIN_MS: '0',
      WORKERS: '1',
      INDEX_DIR: await benchIndex(),
      ...env
    },
    stdio: ['ignore', 'inherit', 'inherit']
  })
  // Also where the bench ends early.
  const end = (): void => { child.kill('SIGTERM') }
  process.once('exit', end)
  const origin = `http://127.0.0.1:${port}`
  await untilReady(origin, child)
  return {
    origin,
    memoryMB: which => memoryOf(child.pid!, which),
    workers: () => childrenOf(child.pid!),
    metrics: async () => {
      const samples = (await (await fetch(`${origin}/metrics`)).text()).matchAll(/^(\w+) (\S+)$/gm)
      return Object.fromEntries(Array.from(samples, ([, name, value]) => [name, Number(value)]))
    },
    stop: async () => {
      process.removeListener('exit', end)
      if (child.exitCode !== null) return
      child.kill('SIGTERM')
      await once(child, 'exit')
    }
  }
}

async function untilReady (origin: string, child: ChildProcess): Promise<void> {
  for (const start = performance.now(); performance.now() - start < START_MS; await delay(100)) {
    if (child.exitCode !== null) {
      throw new Error(`Expected the service to start, it ended with exit code ${child.exitCode}; its last lines say why`)
    }
    const status = await fetch(`${origin}/health/ready`).then(reply => reply.status, () => 0)
    if (status === 200) return
  }
  child.kill('SIGKILL')
  throw new Error(`Expected the service to be ready within ${START_MS / 1000} s, it was not`)
}

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
