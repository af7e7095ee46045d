import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createFakeLinker } from '../helpers/fake-linker.ts'
import { buildTestApp, form } from '../helpers/build-index.ts'
import { drawImage } from '../helpers/images.ts'

const JPEG = { 'content-type': 'image/jpeg' }
const image = await drawImage()

/** Bytes on a bare socket: what no well-behaved client would send. */
async function open (port: number): Promise<Socket & { text: () => string }> {
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => { socket.destroy() })
  socket.on('error', () => {})
  let received = ''
  socket.on('data', chunk => { received += chunk.toString() })
  await once(socket, 'connect')
  return Object.assign(socket, { text: () => received })
}

const waitFor = (signal: AbortSignal | undefined): Promise<void> => new Promise((_resolve, reject) => {
  signal?.addEventListener('abort', () => { reject(new DOMException('aborted', 'AbortError')) })
})

describe('clients that hang up or stall', () => {
  it.each([
    ['raw', 'Content-Type: image/jpeg'],
    ['form', `Content-Type: ${form().headers['content-type']}`],
    ['JSON', 'Content-Type: application/json']
  ])('half-way through a %s upload: no reply, no 500, one line', async (_kind, type) => {
    const { port, log, send } = await buildTestApp()
    const socket = await open(port)
    const half = form(['image', 'abc', 'a.jpg']).body.toString().slice(0, 150)
    socket.write(`POST /link HTTP/1.1\r\nHost: a\r\n${type}\r\nContent-Length: 5000\r\n\r\n${half}`)
    await setTimeout(100)
    socket.destroy()
    await expect.poll(() => log.filter(line => line.status === 499)).toHaveLength(1)
    expect(log.filter(line => line.level >= 40)).toEqual([])
    expect((await send('/link', { method: 'POST', headers: JPEG, body: image })).status).toBe(200)
  })

  it('while the image is linked: the signal aborts, nothing is an error', async () => {
    const linker = createFakeLinker({ before: waitFor })
    const { port, log } = await buildTestApp({}, linker)
    const socket = await open(port)
    socket.write(`POST /link HTTP/1.1\r\nHost: a\r\nContent-Type: image/jpeg\r\nContent-Length: ${image.length}\r\n\r\n`)
    socket.write(image)
    await expect.poll(() => linker.signals.length).toBe(1)
    expect(linker.signals[0]!.aborted).toBe(false)
    socket.destroy()
    await expect.poll(() => linker.signals[0]!.aborted).toBe(true)
    expect(linker.signals[0]!.reason).toMatchObject({ code: 'VEL_ERR_CLIENT_GONE' })
    await expect.poll(() => log.filter(line => line.status === 499)).toHaveLength(1)
    expect(log.filter(line => line.level >= 40)).toEqual([])
  })

  it.each([
    ['raw', 'Content-Type: image/jpeg'],
    ['form', `Content-Type: ${form().headers['content-type']}`]
  ])('a %s upload that stalls is 408 and its connection closes', async (_kind, type) => {
    const { port } = await buildTestApp({ UPLOAD_TIMEOUT_MS: '300' })
    const socket = await open(port)
    socket.write(`POST /link HTTP/1.1\r\nHost: a\r\n${type}\r\nContent-Length: 5000\r\n\r\nabc`)
    await once(socket, 'end')
    expect(socket.text()).toMatch(/^HTTP\/1\.1 408 /)
    expect(socket.text()).toContain('VEL_ERR_UPLOAD_TIMEOUT')
    expect(socket.text()).toMatch(/connection: close/i)
  })

  it('a head that never ends is cut off', async () => {
    const { port } = await buildTestApp({ UPLOAD_TIMEOUT_MS: '300' })
    const socket = await open(port)
    socket.write('POST /link HTTP/1.1\r\nHost: a\r\nX-Slow: ')
    await once(socket, 'end')
    expect(socket.text()).toMatch(/^HTTP\/1\.1 408 .*application\/problem\+json.*300 ms.*VEL_ERR_UPLOAD_TIMEOUT/s)
  })
})

describe('deadline', () => {
  it.each([
    ['heeds its signal', waitFor],
    ['does not', async () => { await setTimeout(1500) }]
  ])('is 504 where the linker %s', async (_name, before) => {
    const linker = createFakeLinker({ before })
    const { send } = await buildTestApp({ LINK_TIMEOUT_MS: '200' }, linker)
    const { status, json } = await send('/link', { method: 'POST', headers: JPEG, body: image })
    expect([status, json.code]).toEqual([504, 'VEL_ERR_DEADLINE'])
    expect(linker.signals[0]!.reason).toMatchObject({ code: 'VEL_ERR_DEADLINE' })
  })

  it('does not count the upload', async () => {
    const { send } = await buildTestApp({ LINK_TIMEOUT_MS: '1000' })
    async function * slowly (): AsyncGenerator<Buffer> {
      for (let i = 0; i < 4; i++) {
        yield image.subarray(i * image.length / 4, (i + 1) * image.length / 4)
        await setTimeout(400)
      }
    }
    const { status } = await send(
      '/link',
      { method: 'POST', headers: { ...JPEG, 'content-length': String(image.length) }, body: slowly() as never }
    )
    expect(status).toBe(200)
  })
})

describe('HTTP itself', () => {
  it('takes chunked bodies', async () => {
    const { send } = await buildTestApp()
    async function * chunks (): AsyncGenerator<Buffer> { yield image.subarray(0, 99); yield image.subarray(99) }
    expect((await send('/link', { method: 'POST', headers: JPEG, body: chunks() as never })).status).toBe(200)
  })

  it('answers pipelined requests in order, good and bad', async () => {
    const { port } = await buildTestApp()
    const socket = await open(port)
    const post = (body: Buffer): Buffer => Buffer.concat([
      Buffer.from(`POST /link HTTP/1.1\r\nHost: a\r\nContent-Type: image/jpeg\r\nContent-Length: ${body.length}\r\n\r\n`),
      body
    ])
    socket.write(Buffer.concat([
      post(image),
      post(Buffer.from('words')),
      post(image),
      Buffer.from('GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    ]))
    await once(socket, 'end')
    expect([...socket.text().matchAll(/HTTP\/1\.1 (\d+) /g)].map(match => match[1])).toEqual(['200', '415', '200', '404'])
  })

  it.each([
    ['bytes that are not HTTP', 'hello\r\n\r\n', 400, 'BAD_REQUEST'],
    ['a head of 64 KB', `GET / HTTP/1.1\r\nX: ${'x'.repeat(65_536)}\r\n\r\n`, 431, 'HEADERS_TOO_LARGE'],
    ['two lengths', 'POST /link HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 400, 'BAD_REQUEST']
  ])('refuses %s with a problem document and a line in the log', async (_name, bytes, status, code) => {
    const { port, send, log } = await buildTestApp()
    const socket = await open(port)
    socket.write(bytes)
    await once(socket, 'end')
    expect(socket.text()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} .*application/problem\\+json.*VEL_ERR_${code}`, 's'))
    expect(log.filter(line => line.status === status)).toMatchObject([{ code: `VEL_ERR_${code}` }])
    expect((await send('/health/live')).status).toBe(200)
  })

  it.each([
    ['GET', '/link', 405, 'POST'],
    ['PUT', '/link', 405, 'POST'],
    ['OPTIONS', '/link', 405, 'POST'],
    ['POST', '/entities/Q207', 405, 'GET, HEAD, PUT, DELETE'],
    ['DELETE', '/metrics', 405, 'GET, HEAD'],
    ['GET', '/nowhere', 404, undefined],
    ['POST', '/nowhere', 404, undefined],
    ['GET', '/%zz', 400, undefined],
    ['GET', '/entities/Q1/../../etc/passwd', 404, undefined],
    ['GET', '/docs/static/..%2f..%2fpackage.json', 404, undefined]
  ])('%s %s is %i', async (method, path, status, allow) => {
    const { send } = await buildTestApp()
    const reply = await send(
      path,
      { method: method as 'GET', ...(method === 'PUT' ? { body: 'words', headers: { 'content-type': 'a/b' } } : {}) }
    )
    expect(reply.status).toBe(status)
    expect(reply.headers['allow']).toBe(allow)
    expect(reply.headers['content-type']).toMatch(/^application\/problem\+json/)
  })

  it.each([
    ['no Host', 'GET /health/live HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'BAD_REQUEST'],
    ['an unknown Expect', 'GET /health/live HTTP/1.1\r\nHost: a\r\nExpect: x\r\nConnection: close\r\n\r\n', 417, 'EXPECTATION']
  ])('C6: answers %s with a problem document and a line in the log', async (_name, bytes, status, code) => {
    const { port, log } = await buildTestApp()
    const socket = await open(port)
    socket.write(bytes)
    await once(socket, 'end')
    expect(socket.text()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} .*application/problem\\+json.*VEL_ERR_${code}`, 's'))
    await expect.poll(() => log.filter(line => line.status === status)).toMatchObject([{ code: `VEL_ERR_${code}` }])
  })

  it('takes Expect: 100-continue, and HTTP/1.0 without Host', async () => {
    const { port } = await buildTestApp()
    const socket = await open(port)
    socket.write('GET /health/live HTTP/1.0\r\nExpect: 100-Continue\r\n\r\n')
    await once(socket, 'end')
    expect(socket.text()).toMatch(/HTTP\/1\.1 200 /)
  })

  it.each(['/', '/link/', '/health'])('C6: the 404 of %s lists the paths there are', async path => {
    const { send } = await buildTestApp()
    const { status, json } = await send(path)
    expect([status, json.detail]).toEqual([404, 'Expected one of the paths /health/live, /health/ready, /metrics, /docs, /openapi.json, ' +
      '/entities/{id}, /entities, /entities/{id}/images, /entities/{id}/images/{image}, /index/reload, /blocklist, /blocklist/{id}, ' +
      '/link, received another'])
  })

  it('answers HEAD without a body', async () => {
    const { send } = await buildTestApp()
    const { status, text } = await send('/health/ready', { method: 'HEAD' })
    expect([status, text]).toEqual([200, ''])
  })

  it.each(['bad id', 'a'.repeat(65), 'a"b', '<script>'])('does not take over the request id %s', async id => {
    const { send } = await buildTestApp()
    const { headers } = await send('/health/live', { headers: { 'x-request-id': id } })
    expect(headers['x-request-id']).toMatch(/^[\da-f]{8}-[\da-f-]{27}$/)
    expect(headers['x-content-type-options']).toBe('nosniff')
  })
})
