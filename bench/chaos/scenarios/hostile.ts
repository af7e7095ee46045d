// Clients that send too slowly, too much, half, or what is no HTTP: nobody else notices.
import pMap from 'p-map'
import { attackOne, type Attack } from '../attack.ts'
import { createClient } from '../client.ts'
import type { Scenario } from '../scenario.ts'
import { KEY } from '../service.ts'
import { exchange } from '../socket.ts'

const head = (line: string, ...fields: string[]): Buffer =>
  Buffer.from([`${line} HTTP/1.1`, 'Host: a', `X-Api-Key: ${KEY}`, ...fields].join('\r\n') + '\r\n\r\n')
const upload = (...fields: string[]): Buffer => head('POST /link', 'Content-Type: image/jpeg', ...fields)
const times = <T>(count: number, of: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => of(i))
const MB = 2 ** 20

/** Sends `bodies` as they are, several at once. */
const post = (type: string, bodies: readonly Buffer[], atOnce: number): Attack => async ({ origin }, tally) => {
  const client = createClient(origin, tally, atOnce)
  await pMap(bodies, async body => await client.send('POST', '/link', body, type), { concurrency: atOnce })
  await client.close()
}

const raw = (texts: readonly Buffer[], forMs: number): Attack => async ({ port }, tally) => {
  await pMap(texts, async text => { await exchange(port, { chunks: [text], forMs }, tally) }, { concurrency: 16 })
}

const PART = 'Content-Disposition: form-data; name="image"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
const FORMS = [
  '',
  '--b',
  '--b\r\n',
  '--b--\r\n',
  `--b\r\n${PART}`,
  `--b\r\n${PART}abc`,
  `--b\r\n${PART}abc\r\n--b`,
  '--b\r\nContent-Disposition: form-data\r\n\r\nabc\r\n--b--\r\n',
  '--b\r\n\r\nabc\r\n--b--\r\n',
  '--b\r\nContent-Disposition: form-data; name="boxes"\r\n\r\n' + '['.repeat(5000) + '\r\n--b--\r\n',
  `--b\r\n${'X: y\r\n'.repeat(5000)}\r\nabc\r\n--b--\r\n`,
  `--b\r\nX: ${'y'.repeat(200_000)}\r\n\r\nabc\r\n--b--\r\n`,
  `--b\r\n${PART}abc\r\n`.repeat(500) + '--b--\r\n',
  times(500, i => `--b\r\nContent-Disposition: form-data; name="f${i}"\r\n\r\nx\r\n`).join('') + '--b--\r\n',
  '\r\n'.repeat(100_000) + '--b--\r\n',
  '-'.repeat(1_000_000)
].map(text => Buffer.from(text))

const WHOLE = Buffer.concat([upload('Content-Length: 3', 'Connection: close'), Buffer.from('abc')])

const WRONG_LENGTHS = [
  [upload('Content-Length: 3'), 'abcdef'],
  [upload('Content-Length: -1'), 'abc'],
  [upload('Content-Length: 99999999999999999999'), 'abc'],
  [upload('Content-Length: 3', 'Content-Length: 4'), 'abcd'],
  [upload('Content-Length: 3', 'Transfer-Encoding: chunked'), '3\r\nabc\r\n0\r\n\r\n'],
  [upload('Transfer-Encoding: chunked'), 'xyz\r\nabc\r\n0\r\n\r\n'],
  [upload('Transfer-Encoding: chunked'), 'ffffffffffffffff\r\nabc\r\n'],
  [upload('Transfer-Encoding: chunked'), `3;${'x'.repeat(100_000)}\r\nabc\r\n0\r\n\r\n`],
  [upload('Content-Length: 0x10'), 'abc'],
  [upload('Content-Length:'), 'abc'],
  [upload('Content-Length: 30000000'), 'abc']
].map(([start, body]) => Buffer.concat([start as Buffer, Buffer.from(body as string)]))

const NO_HTTP = ['\0'.repeat(1000), 'SSH-2.0-x\r\n', '\x16\x03\x01\x02\0\x01', 'GET\r\n\r\n', 'G'.repeat(100_000)]
  .map(text => Buffer.from(text))

const ATTACKS: Readonly<Record<string, Attack>> = {
  'slow bodies': async ({ port }, tally, short) => {
    const chunks = [upload('Content-Length: 100000'), ...times(short ? 10 : 50, () => Buffer.from('x'))]
    await Promise.all(times(50, async () => { await exchange(port, { chunks, pauseMs: 100, forMs: 100 }, tally) }))
  },
  'stalled uploads': async ({ port }, tally, short) => {
    const chunks = [upload(`Content-Length: ${20 * MB}`), ...times(short ? 2 : 19, () => Buffer.alloc(MB))]
    await Promise.all(times(100, async () => { await exchange(port, { chunks, forMs: short ? 1000 : 8000 }, tally) }))
  },
  'JSON nested deeply': async (service, tally, short) => {
    const levels = 14_000_000
    const body = Buffer.from(`{"image":"aa","zzz":${'['.repeat(levels)}${']'.repeat(levels)}}`)
    await post('application/json', times(short ? 2 : 8, () => body), 4)(service, tally, short)
  },
  'JSON of 27 MB': async (service, tally, short) => {
    const flat = Buffer.from(`{"image":"aa","zzz":[${'{},'.repeat(9_000_000)}{}]}`)
    const base64 = Buffer.from(`{"image":"${'A'.repeat(27_900_000)}"}`)
    await post('application/json', times(short ? 1 : 6, () => [flat, base64]).flat(), 4)(service, tally, short)
  },
  'malformed forms': post('multipart/form-data; boundary=b', FORMS, 8),
  'half requests': raw(times(60, i => WHOLE.subarray(0, Math.floor((i * WHOLE.length) / 60))), 200),
  'pipelined requests': raw(times(16, () => Buffer.concat(times(200, () => head('GET /entities/Q207')))), 1500),
  'floods of header fields': raw([
    ...times(8, () => head('GET /health/live', ...times(5000, i => `X-${i}: y`))),
    ...times(8, () => head('GET /health/live', `X: ${'y'.repeat(MB)}`)),
    ...times(8, () => head(`GET /${'x'.repeat(MB)}`))
  ], 500),
  'wrong lengths': raw(WRONG_LENGTHS, 500),
  'what is no HTTP': raw(NO_HTTP, 500)
}

export const hostile: Scenario = {
  name: 'hostile',
  title: 'hostile HTTP',
  maxLiveMs: 250,
  // Without a reply (0) are connections that the client broke off, and those that are not worth one.
  run: async stage => await attackOne(stage, ATTACKS, status => status < 500 || status === 503 || status === 504)
}
