// Runs the command line, and the service that it serves, as child processes.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { freePort } from './free-port.ts'

const root = new URL('../../', import.meta.url)
const START_MS = 60_000

export interface Ended { readonly code: number | null, readonly stdout: string, readonly stderr: string }

/** Runs `vel …args` to its end. */
export async function vel (args: readonly string[], env: Readonly<Record<string, string>>): Promise<Ended> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/vel.ts', ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env }
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => { stdout += chunk.toString() })
  child.stderr.on('data', (chunk: Buffer) => { stderr += chunk.toString() })
  const [code] = await once(child, 'close') as [number | null]
  return { code, stdout, stderr }
}

export interface Served { readonly origin: string, readonly pid: number, readonly stop: () => Promise<void> }

/** Starts `vel serve` on a free port; resolves when it is ready. */
export async function serve (env: Readonly<Record<string, string>>): Promise<Served> {
  const port = await freePort()
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/vel.ts', 'serve'], {
    cwd: root,
    stdio: 'ignore',
    env: { ...process.env, HOST: '127.0.0.1', PORT: String(port), WORKERS: '1', LOG_LEVEL: 'silent', DRAIN_MS: '0', ...env }
  })
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
  const origin = `http://127.0.0.1:${port}`
  for (const start = performance.now(); performance.now() - start < START_MS;) {
    if (child.exitCode !== null) break
    if (await fetch(`${origin}/health/ready`).then(reply => reply.ok, () => false)) return { origin, pid: child.pid!, stop }
    await new Promise(resolve => setTimeout(resolve, 200))
  }
  await stop()
  throw new Error(`Expected the service to be ready within ${START_MS / 1000} s, it was not`)
}
