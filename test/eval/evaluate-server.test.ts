import { mkdtemp, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Query } from '../../src/eval/data/queries.ts'
import { evaluateServer } from '../../src/eval/evaluate-server.ts'

const folder = await mkdtemp(join(tmpdir(), 'vel-server-'))
let server: Server | undefined
beforeAll(async () => {
  for (const name of ['Q1', 'Q2', 'stranger', 'none', 'junk']) await writeFile(join(folder, name), name)
})
afterEach(() => { server?.close() })

type Handler = (path: URL, body: string) => { status: number, body: unknown }

/** A real server; the first request to each path is refused as busy. */
async function serve (link: Handler): Promise<string> {
  const asked = new Set<string>()
  server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
      const url = new URL(request.url!, 'http://localhost')
      const busy = !asked.has(url.pathname)
      asked.add(url.pathname)
      const { status, body } = busy
        ? { status: 503, body: { code: 'VEL_ERR_OVERLOADED' } }
        : url.pathname === '/link'
          ? link(url, Buffer.concat(chunks).toString())
          : { status: url.pathname === '/entities/Q3' ? 404 : 200, body: {} }
      response.writeHead(status, { 'content-type': 'application/json', ...(busy && { 'retry-after': '0' }) }).end(JSON.stringify(body))
    })
  })
  await new Promise<void>(resolve => server!.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const mention = (id: string, probability: number, x = 45): object => ({
  box: { x, y: 45, width: 10, height: 10 },
  status: probability > 0.5 ? 'linked' : 'nil',
  probability,
  candidates: [
    { id, score: probability, rank: 1 },
    { id: 'Q9', score: 0.01, rank: 2 }
  ]
})
const reply = (mentions: object[]): object => ({
  image: { width: 100, height: 100 },
  mentions,
  index: { name: 'test', version: '7', entities: 9 },
  models: [{ role: 'face', name: 'fake' }]
})

const answers: Handler = (url, body) => {
  if (url.searchParams.get('mode') !== 'v2v') return { status: 422, body: { code: 'VEL_ERR_MODE_UNAVAILABLE' } }
  switch (body) {
    case 'junk': return { status: 422, body: { code: 'VEL_ERR_UNDECODABLE' } }
    case 'none': return { status: 200, body: reply([]) }
    case 'stranger': return { status: 200, body: reply([mention('Q2', 0.1)]) }
    // The face at the edge is not the one that is asked for.
    default: return { status: 200, body: reply([mention('Q8', 1, 0), mention(body, 0.9)]) }
  }
}

const query = (image: string, entityId: string | null): Query => ({ image, path: join(folder, image), box: null, entityId, file: 'f' })
const queries = [
  query('Q1', 'Q1'),
  query('Q2', 'Q2'),
  query('stranger', null),
  query('none', 'Q1'),
  query('junk', 'Q1'),
  query('absent', 'Q1'),
  { ...query('Q1', 'Q3') }
]
const counts = { files: ['f'], duplicates: 0, broken: 0 }

describe('evaluation over HTTP', () => {
  it('uses candidates, decisions and probabilities of the replies, and waits while the service is busy', async () => {
    const modes: Array<string | null> = []
    const url = await serve((url, body) => { modes.push(url.searchParams.get('mode')); return answers(url, body) })
    const report = await evaluateServer(queries, counts, { url, concurrency: 1 })
    expect(report).toMatchObject({
      queries: 4,
      index: { version: '7' },
      models: 'face fake',
      counts: { strangers: 1, notInIndex: 1, noFace: 1, unreadable: 1, missingPhotos: 1 }
    })
    expect(report.rows.map(r => r.name)).toEqual(['V2V'])
    // What cannot be served is asked for once.
    expect(modes.filter(mode => mode !== 'v2v')).toEqual(['v2t', 'v2vt', 'v2vt', 'v2vt'])
    expect(report.recall[1]).toBe(0.5)
    expect(report.decisions).toMatchObject({ strangersLinked: 0, membersRight: 0.5 })
    expect(report.calibration.ece).toBeCloseTo(0.1, 12)
  })

  it('sends boxes', async () => {
    const seen: Array<string | null> = []
    const url = await serve((url, body) => { seen.push(url.searchParams.get('boxes')); return answers(url, body) })
    await evaluateServer([{ ...query('Q1', 'Q1'), box: { x1: 1, y1: 2, x2: 3, y2: 4 } }], counts, { url, concurrency: 1 })
    expect(seen[0]).toBe('[[1,2,3,4]]')
  })

  it('sends captions and days, in JSON', async () => {
    const seen: string[] = []
    const url = await serve((url, body) => { seen.push(body); return answers(url, body.startsWith('{') ? 'Q1' : body) })
    const asked = [{ ...query('Q1', 'Q1'), caption: 'Zenith' }, { ...query('Q2', 'Q2'), takenAt: '2004' }]
    const report = await evaluateServer(asked, counts, { url, concurrency: 1 })
    expect(report.rows.map(({ name }) => name)).toEqual(['V2V'])
    const image = (text: string): string => Buffer.from(text).toString('base64')
    expect(seen.slice(0, 2).map(body => JSON.parse(body))).toEqual([
      { image: image('Q1'), caption: 'Zenith' }, { image: image('Q2'), takenAt: '2004' }
    ])
  })

  it('stops where the service fails, breaks the contract, or is not there', async () => {
    const run = async (handler: Handler): Promise<unknown> =>
      await evaluateServer([query('Q1', 'Q1')], counts, { url: await serve(handler), concurrency: 1 })
    await expect(run(() => ({ status: 500, body: { code: 'VEL_ERR_INTERNAL' } }))).rejects.toThrow('status 500')
    await expect(run(() => ({ status: 200, body: { hello: 'world' } }))).rejects.toThrow('a reply of the contract')
    await expect(run(() => ({ status: 401, body: { code: 'VEL_ERR_KEY_MISSING' } }))).rejects.toThrow('VEL_ERR_KEY_MISSING')
    await expect(evaluateServer([query('Q1', 'Q1')], counts, { url: 'http://127.0.0.1:1', concurrency: 1 })).rejects.toThrow(
      'a service that answers'
    )
  })
})
