// The log of the real server, as a process, whose reader stands still or whose disk is full.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync, readSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execFileSync } from 'node:child_process'
import { describe, expect, it, onTestFinished } from 'vitest'
import { freePort } from './helpers/free-port.ts'

interface Served { readonly child: ChildProcess, readonly origin: string, readonly exit: Promise<number | null> }

async function serveInto (output: number, env: Record<string, string> = {}): Promise<Served> {
  const port = await freePort()
  const child = spawn(process.execPath, ['--import', 'tsx', 'test/helpers/serve-slowly.ts'], {
    env: { PATH: process.env['PATH'], HOST: '127.0.0.1', PORT: String(port), DRAIN_MS: '0', SERVE_MODE: 'quick', ...env },
    stdio: ['ignore', output, 'inherit']
  })
  onTestFinished(() => { child.kill('SIGKILL') })
  const exit = once(child, 'exit').then(([code]) => code as number | null)
  const origin = `http://127.0.0.1:${port}`
  await expect.poll(async () => await fetch(`${origin}/health/ready`).then(reply => reply.ok, () => false), { timeout: 20_000 }).toBe(true)
  return { child, origin, exit }
}

async function pipe (): Promise<{ reader: number, writer: number }> {
  const dir = await mkdtemp(join(tmpdir(), 'vel-log-'))
  const path = join(dir, 'pipe')
  execFileSync('mkfifo', [path])
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const writer = openSync(path, 'w')
  onTestFinished(async () => { await rm(dir, { recursive: true }) })
  return { reader, writer }
}

/** Some 170 bytes of log each. */
async function send (origin: string, count: number): Promise<void> {
  for (let i = 0; i < count; i += 50) {
    const replies = await Promise.all(Array.from({ length: 50 }, async () => await fetch(`${origin}/nowhere`)))
    for (const reply of replies) expect(reply.status).toBe(404)
  }
}

describe.skipIf(process.platform === 'win32')('a log', () => {
  it('G4: whose reader stands still holds up neither requests nor the end of the process', async () => {
    const { reader, writer } = await pipe()
    const { child, origin, exit } = await serveInto(writer)
    closeSync(writer)
    await send(origin, 1000)
    const start = performance.now()
    expect((await fetch(`${origin}/health/live`)).status).toBe(200)
    expect(performance.now() - start).toBeLessThan(250)
    child.kill('SIGTERM')
    expect(await exit).toBe(0)
    expect(performance.now() - start).toBeLessThan(5000)
    closeSync(reader)
  })

  it('G4: whose reader stands still for long drops lines, and says how many once they are read', async () => {
    const { reader, writer } = await pipe()
    const { child, origin, exit } = await serveInto(writer)
    closeSync(writer)
    await send(origin, 8000)
    const read = (): string => {
      const chunk = Buffer.alloc(1 << 20)
      try {
        return chunk.toString('utf8', 0, readSync(reader, chunk))
      } catch {
        return ''
      }
    }
    let log = ''
    await expect.poll(() => {
      log += read()
      return log
    }, { timeout: 10_000, interval: 5 }).toContain('lines were dropped')
    expect(log.length).toBeLessThan(2 ** 21)
    child.kill('SIGTERM')
    expect(await exit).toBe(0)
    log += read()
    const lines = log.trim().split('\n').map(line => JSON.parse(line) as { msg: string, dropped?: number })
    const dropped = lines.reduce((sum, line) => sum + (line.dropped ?? 0), 0)
    expect(dropped).toBeGreaterThan(0)
    expect(lines.filter(line => line.msg === 'request').length + dropped).toBe(8000)
    closeSync(reader)
  }, 60_000)

  it('G4: whose reader ended does not end the service', async () => {
    const { reader, writer } = await pipe()
    const { child, origin, exit } = await serveInto(writer)
    closeSync(writer)
    closeSync(reader)
    await send(origin, 100)
    child.kill('SIGTERM')
    expect(await exit).toBe(0)
  })

  it('G4: is whole at the end where its reader is slow', async () => {
    const { reader, writer } = await pipe()
    const { child, origin, exit } = await serveInto(writer)
    closeSync(writer)
    await send(origin, 1000)
    child.kill('SIGTERM')
    let log = ''
    let ended = false
    void exit.then(() => { ended = true })
    for (let last = false; !last;) {
      last = ended
      const chunk = Buffer.alloc(1 << 16)
      try {
        log += chunk.toString('utf8', 0, readSync(reader, chunk))
      } catch {}
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    expect(log.match(/"msg":"request"/g)).toHaveLength(1000)
    closeSync(reader)
  })

  it.skipIf(process.platform !== 'linux')('G4: on a full disk does not end the service', async () => {
    const output = openSync('/dev/full', 'w')
    const { child, origin, exit } = await serveInto(output)
    closeSync(output)
    await send(origin, 100)
    child.kill('SIGTERM')
    expect(await exit).toBe(0)
  })

  it('is written to a file, line by line', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'vel-log-'))
    onTestFinished(async () => { await rm(dir, { recursive: true }) })
    const output = openSync(join(dir, 'log'), 'w')
    const { child, origin, exit } = await serveInto(output)
    closeSync(output)
    await send(origin, 50)
    child.kill('SIGTERM')
    expect(await exit).toBe(0)
    expect((await readFile(join(dir, 'log'), 'utf8')).match(/"msg":"request"/g)).toHaveLength(50)
  })
})
