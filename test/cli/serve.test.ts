// `vel serve` with its real workers, as a process: what is left of it when its workers are stopped, and where limits are low.
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { freePort } from '../helpers/free-port.ts'
import { drawImage } from '../helpers/images.ts'
import { hasEmbedded, isAlive } from '../helpers/engine.ts'

const ARGS = ['--import', 'tsx', 'src/cli/vel.ts', 'serve']

interface Served {
  readonly child: ChildProcess
  readonly origin: string
  readonly port: number
  /** Process ids of the workers that became ready, in this order. */
  readonly workers: () => number[]
}

async function serve (env: Record<string, string> = {}): Promise<Served> {
  const port = await freePort()
  const child = spawn(process.execPath, ARGS, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, HOST: '127.0.0.1', PORT: String(port), WORKERS: '2', DRAIN_MS: '0', ...env }
  })
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => { out += chunk.toString() })
  onTestFinished(() => { child.kill('SIGKILL') })
  const origin = `http://127.0.0.1:${port}`
  await expect.poll(async () => await ready(origin), { timeout: 30_000 }).toBe(200)
  const workers = (): number[] => [...out.matchAll(/"workerPid":(\d+),"warmUpMs"/g)].map(match => Number(match[1]))
  return { child, origin, port, workers }
}

async function ready (origin: string): Promise<number> {
  return await fetch(`${origin}/health/ready`).then(reply => reply.status, () => 0)
}

async function link (origin: string): Promise<number> {
  const body = new Uint8Array(await drawImage())
  return (await fetch(`${origin}/link`, { method: 'POST', headers: { 'content-type': 'image/jpeg' }, body })).status
}

describe.skipIf(!hasEmbedded || process.platform === 'win32')('vel serve', () => {
  it('G7: replaces stopped workers within seconds, is not ready meanwhile, and leaves no process behind', async () => {
    const { child, origin, workers } = await serve()
    const [first, second] = workers()
    for (const pid of [first!, second!]) process.kill(pid, 'SIGSTOP')
    const start = performance.now()
    const states = new Set<number>()
    while (workers().length < 4 && performance.now() - start < 20_000) {
      states.add(await ready(origin))
      await delay(50)
    }
    expect(states).toContain(503)
    expect(await link(origin)).toBe(200)
    expect(workers()).toHaveLength(4)
    expect(workers().filter(isAlive)).toHaveLength(2)
    for (const pid of workers().slice(2)) process.kill(pid, 'SIGSTOP')
    child.kill('SIGTERM')
    await once(child, 'exit')
    expect(workers().filter(isAlive)).toEqual([])
  }, 60_000)

  it('G7: kills stopped workers also where SHUTDOWN_MS ends first', async () => {
    const { child, origin, workers } = await serve({ SHUTDOWN_MS: '500' })
    for (const pid of workers()) process.kill(pid, 'SIGSTOP')
    const linked = link(origin).catch(() => 0)
    await delay(200)
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([1, null])
    // What has ended counts as alive until the system has taken note of it.
    await expect.poll(() => workers().filter(isAlive), { timeout: 15_000 }).toEqual([])
    await linked
  }, 60_000)

  it('G14: is reached by IPv6 and IPv4', async () => {
    const { port } = await serve({ HOST: '' })
    for (const host of ['127.0.0.1', '[::1]', 'localhost']) expect(await ready(`http://${host}:${port}`), host).toBe(200)
  }, 60_000)
})

// Built, as it is deployed: what compiles the source meets the limits first.
describe.skipIf(process.platform !== 'linux')('the built vel serve at low limits', () => {
  let dir: string
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'vel-built-'))
    for (const name of ['node_modules', 'package.json', 'openapi.yaml']) await symlink(resolve(name), join(dir, name))
    const args = ['-p', 'tsconfig.build.json', '--outDir', join(dir, 'dist')]
    await promisify(execFile)(process.execPath, ['node_modules/typescript/bin/tsc', ...args])
  }, 120_000)
  afterAll(async () => { await rm(dir, { recursive: true }) })

  // How far the start comes depends on the limit: the commands are not loaded, or the workers do not start.
  it.each(['-n 24', '-n 40', '-n 64', '-n 96', '-v 3000000'])('G16: ends with one sentence at ulimit %s', async limit => {
    const command = `ulimit ${limit}; exec "$0" "$@"`
    const child = spawn('sh', ['-c', command, process.execPath, join(dir, 'dist/cli/vel.js'), 'serve'], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, HOST: '127.0.0.1', PORT: '0', WORKERS: '1' }
    })
    let err = ''
    child.stderr.on('data', (chunk: Buffer) => { err += chunk.toString() })
    await once(child, 'close')
    expect(err).toMatch(/^vel( serve)?: Expected .*ulimit.*\n$/)
  })
})
