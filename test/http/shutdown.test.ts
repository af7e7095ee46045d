import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { drawImage } from '../helpers/images.ts'

const SCRIPT = fileURLToPath(new URL('../helpers/serve-slowly.ts', import.meta.url))

interface Served {
  readonly child: ChildProcess
  readonly out: () => string
  readonly err: () => string
  readonly exit: Promise<number | null>
}

function serve (env: Record<string, string>): Served {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', SCRIPT],
    { env: { PATH: process.env['PATH'], HOST: '127.0.0.1', PORT: '0', DRAIN_MS: '0', ...env }, stdio: ['ignore', 'pipe', 'pipe'] }
  )
  onTestFinished(() => { child.kill('SIGKILL') })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk: Buffer) => { out += chunk.toString() })
  child.stderr.on('data', (chunk: Buffer) => { err += chunk.toString() })
  const exit = once(child, 'close').then(([code]) => code as number | null)
  return { child, out: () => out, err: () => err, exit }
}

const settled = async (condition: () => boolean): Promise<void> => { await expect.poll(condition, { timeout: 30_000 }).toBe(true) }
const originOf = ({ out }: Served): string => /listening at (http:\/\/[\d.:]+)/.exec(out())![1]!
const post = async (origin: string, body: Buffer): Promise<Response> => await fetch(
  `${origin}/link`,
  { method: 'POST', headers: { 'content-type': 'image/jpeg' }, body: new Uint8Array(body) }
)

/** A connection on which `bytes` are sent, and nothing more. */
async function stall (origin: string, bytes: string): Promise<Socket & { text: () => string, ended: Promise<unknown> }> {
  const socket = connect(Number(new URL(origin).port), '127.0.0.1')
  onTestFinished(() => { socket.destroy() })
  let received = ''
  socket.on('data', (chunk: Buffer) => { received += chunk.toString() })
  const ended = new Promise(resolve => { socket.on('close', resolve).on('error', resolve) })
  await once(socket, 'connect')
  socket.write(bytes)
  return Object.assign(socket, { text: () => received, ended })
}

describe('vel serve as a process', () => {
  it('finishes the request in flight at SIGTERM with 200, closes the linker and exits with 0', async () => {
    const served = serve({ SERVE_MODE: 'slow' })
    await settled(() => served.out().includes('"ready"'))
    const origin = originOf(served)
    const reply = post(origin, await drawImage())
    await settled(() => served.out().includes('"linking"'))
    served.child.kill('SIGTERM')
    expect((await reply).status).toBe(200)
    expect(await served.exit).toBe(0)
    expect(served.out().indexOf('"linker closed"')).toBeGreaterThan(served.out().indexOf('"linking"'))
    expect(served.err()).toBe('')
    await expect(post(origin, await drawImage())).rejects.toThrow()
  })

  it('G6: serves on for DRAIN_MS after SIGTERM while it is not ready, then closes its port and exits with 0', async () => {
    const served = serve({ SERVE_MODE: 'quick', DRAIN_MS: '1500' })
    await settled(() => served.out().includes('"ready"'))
    const origin = originOf(served)
    expect((await fetch(`${origin}/health/ready`)).status).toBe(200)
    served.child.kill('SIGTERM')
    await settled(() => served.out().includes('"stopping; '))
    const start = performance.now()
    const ready = await fetch(`${origin}/health/ready`)
    expect(ready.status).toBe(503)
    expect(await ready.json()).toMatchObject({ code: 'VEL_ERR_NOT_READY' })
    expect((await fetch(`${origin}/health/live`)).status).toBe(200)
    const image = await drawImage()
    const replies: Response[] = []
    while (performance.now() - start < 1000) replies.push(await post(origin, image))
    expect(replies.length).toBeGreaterThan(1)
    expect(new Set(replies.map(reply => reply.status))).toEqual(new Set([200]))
    // The client opens a new connection each time, and a load balancer may send it elsewhere.
    expect(new Set(replies.map(reply => reply.headers.get('connection')))).toEqual(new Set(['close']))
    expect(await served.exit).toBe(0)
    expect(performance.now() - start).toBeGreaterThan(1400)
    expect(served.out()).toContain('"linker closed"')
  })

  it('G6: gives requests SHUTDOWN_MS from the end of the drain', async () => {
    const served = serve({ SERVE_MODE: 'slow', DRAIN_MS: '2000', SHUTDOWN_MS: '1900' })
    await settled(() => served.out().includes('"ready"'))
    const origin = originOf(served)
    served.child.kill('SIGTERM')
    await settled(() => served.out().includes('"stopping; '))
    await setTimeout(1500)
    // Linking takes a second: the reply comes after the port was closed.
    expect((await post(origin, await drawImage())).status).toBe(200)
    expect(await served.exit).toBe(0)
  })

  it('G6: does not drain at SIGINT, which a terminal sends', async () => {
    const served = serve({ SERVE_MODE: 'slow', DRAIN_MS: '30000' })
    await settled(() => served.out().includes('"ready"'))
    const start = performance.now()
    served.child.kill('SIGINT')
    expect(await served.exit).toBe(0)
    expect(performance.now() - start).toBeLessThan(10_000)
  })

  it.each([
    ['a raw image', 'POST /link', 'image/jpeg', 'abc'],
    ['a form', 'POST /link', 'multipart/form-data; boundary=b', '--b\r\nContent-Disposition: form-data; name="image"\r\n\r\nabc'],
    ['JSON', 'POST /link', 'application/json', '{"image":"'],
    ['a photo of an entity', 'POST /entities/Q207/images', 'image/jpeg', 'abc'],
    ['an entity', 'PUT /entities/Q207', 'application/json', '{"name":"']
  ])('G9: answers a half-sent upload of %s with 503 at once when it closes', async (_name, route, type, half) => {
    const key = 'a-secret-of-some-length'
    const served = serve({ SERVE_MODE: 'quick', SHUTDOWN_MS: '20000', API_KEYS: `desk:${key}:link+kb:write` })
    await settled(() => served.out().includes('"ready"'))
    const head = `${route} HTTP/1.1\r\nHost: a\r\nX-Api-Key: ${key}\r\nContent-Type: ${type}\r\nContent-Length: 5000\r\n\r\n`
    const uploads = await Promise.all([1, 2, 3].map(async () => await stall(originOf(served), head + half)))
    await setTimeout(300)
    const start = performance.now()
    served.child.kill('SIGTERM')
    expect(await served.exit).toBe(0)
    expect(performance.now() - start).toBeLessThan(5000)
    await Promise.all(uploads.map(async upload => await upload.ended))
    for (const upload of uploads) expect(upload.text()).toMatch(/^HTTP\/1\.1 503 .*connection: close.*VEL_ERR_NOT_READY/s)
  })

  it.each([
    ['is silent', '', ''],
    ['sent half a head', 'POST /link HTTP/1.1\r\nHost: a\r\n', ''],
    ['was answered before its body came', 'POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\nabc', 'HTTP/1.1 404 '],
    ['is kept alive', 'GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n', 'HTTP/1.1 200 ']
  ])('G9: does not wait for a connection that %s', async (_name, bytes, reply) => {
    const served = serve({ SERVE_MODE: 'quick', SHUTDOWN_MS: '20000' })
    await settled(() => served.out().includes('"ready"'))
    const client = await stall(originOf(served), bytes)
    await setTimeout(300)
    expect(client.text().slice(0, 13)).toBe(reply)
    const start = performance.now()
    served.child.kill('SIGTERM')
    expect(await served.exit).toBe(0)
    expect(performance.now() - start).toBeLessThan(5000)
    await client.ended
  })

  it('swaps the index at SIGHUP and goes on', async () => {
    const served = serve({ SERVE_MODE: 'slow' })
    await settled(() => served.out().includes('"ready"'))
    served.child.kill('SIGHUP')
    await settled(() => served.out().includes('"index swapped in"'))
    expect((await post(originOf(served), await drawImage())).status).toBe(200)
  })

  it('exits after SHUTDOWN_MS where a request never ends', async () => {
    const served = serve({ SERVE_MODE: 'stuck', SHUTDOWN_MS: '300', LINK_TIMEOUT_MS: '600000' })
    await settled(() => served.out().includes('"ready"'))
    const reply = post(originOf(served), await drawImage()).catch(() => 'broken off')
    await settled(() => served.out().includes('"linking"'))
    served.child.kill('SIGTERM')
    expect(await served.exit).toBe(1)
    expect(await reply).toBe('broken off')
  })

  it('ends with one sentence where the linker cannot be created', async () => {
    const served = serve({ SERVE_MODE: 'fails' })
    expect(await served.exit).toBe(1)
    expect(served.err()).toBe(
      'vel serve: Index index/none: expected a folder built by `vel kb build`, received nothing there; see index/README.md\n'
    )
  })

  it('shows the stack of a fault of ours', async () => {
    const served = serve({ SERVE_MODE: 'own' })
    expect(await served.exit).toBe(1)
    expect(served.err()).toMatch(/^vel serve: TypeError: x is not a function\n\s+at /)
  })

  it('ends with one sentence where the port is taken or a setting is wrong', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    onTestFinished(() => { other.close() })
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const taken = serve({ PORT: String(port) })
    const wrong = serve({ PORT: 'http', WORKERS: 'many' })
    expect(await taken.exit).toBe(1)
    expect(taken.err()).toBe(
      `vel serve: Expected to listen on 127.0.0.1 port ${port} (HOST, PORT), ` +
        'but another process listens there; stop it or choose another PORT\n'
    )
    expect(taken.out()).toContain('"linker closed"')
    expect(await wrong.exit).toBe(1)
    expect(wrong.err()).toMatch(/^vel serve: Expected a valid configuration, received:\n {2}PORT: .*\n {2}WORKERS: .*\n$/)
  })
})
