// `vel serve` as a child process that may be killed, damaged and started again.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../../test/helpers/free-port.ts'
import { root } from '../speed/photos.ts'
import { childrenOf, memoryOf } from '../speed/server.ts'

/** The built program, from the root of the project. */
export const VEL = 'dist/cli/vel.js'
export const KEY = 'a-key-of-the-chaos-suite'
const READY_MS = 60_000
const MOST_OUTPUT = 100_000

export interface ServiceSettings {
  readonly env: Readonly<Record<string, string>>
  /** A free one where it is not given. */
  readonly port?: number
}

export interface Service {
  readonly origin: string
  readonly port: number
  readonly child: ChildProcess
  /** What it wrote to standard output and error, its beginning. */
  readonly output: () => string
  readonly isRunning: () => boolean
  /** Exit code; null where a signal ended it. */
  readonly exited: Promise<number | null>
  /** Resolves when `/health/ready` is 200: true; or false where the process ended before. @throws where neither comes in time */
  readonly ready: () => Promise<boolean>
  /** Kills the server alone, as the system would; its workers notice. */
  readonly kill: () => Promise<void>
  /** Ends it by SIGTERM. */
  readonly stop: () => Promise<void>
  readonly workers: () => readonly number[]
  /** Memory of server and workers together, MB; null without /proc. */
  readonly memoryMB: () => number | null
}

/** From `dist`, as `npm start` runs it. */
export async function startService ({ env, port: given }: ServiceSettings): Promise<Service> {
  const port = given ?? await freePort()
  const child = spawn(process.execPath, [VEL, 'serve'], {
    cwd: root,
    env: {
      PATH: process.env['PATH'],
      ...(process.env['TMPDIR'] === undefined ? {} : { TMPDIR: process.env['TMPDIR'] }),
      HOST: '127.0.0.1',
      PORT: String(port),
      LOG_LEVEL: 'warn',
      DRAIN_MS: '0',
      WORKERS: '1',
      API_KEYS: `chaos:${KEY}:link+kb:write`,
      ...env
    },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => { if (output.length < MOST_OUTPUT) output += chunk.toString() })
  }
  const exited = once(child, 'close').then(([code]) => code as number | null)
  const origin = `http://127.0.0.1:${port}`
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null
  return {
    origin,
    port,
    child,
    output: () => output,
    isRunning,
    exited,
    async ready () {
      for (const start = performance.now(); performance.now() - start < READY_MS; await delay(50)) {
        if (!isRunning()) return false
        if (await fetch(`${origin}/health/ready`, { signal: AbortSignal.timeout(5000) }).then(reply => reply.ok, () => false)) return true
      }
      throw new Error(`Expected the service to be ready or to end within ${READY_MS / 1000} s, it did neither; it wrote: ${output}`)
    },
    async kill () {
      child.kill('SIGKILL')
      await exited
    },
    async stop () {
      child.kill('SIGTERM')
      await exited
    },
    workers: () => childrenOf(child.pid!),
    memoryMB: () => {
      const memory = memoryOf(child.pid!, 'now')
      return memory === null ? null : memory.server + memory.workers
    }
  }
}
