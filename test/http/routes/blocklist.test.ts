import { expect, test } from 'vitest'
import { buildTestApp, type Reply } from '../../helpers/build-index.ts'
import { createLiveLinker, photo } from '../../helpers/live-linker.ts'
import { openSmall, vectors, writeSmallIndex } from '../../helpers/open-live-index.ts'

const KEY = { 'x-api-key': 'a-secret-of-the-newsroom' }
const READER = { 'x-api-key': 'another-secret-text' }
const ENV = { API_KEYS: `desk:${KEY['x-api-key']}:link+kb:write,reader:${READER['x-api-key']}:link` }
type Method = 'GET' | 'PUT' | 'POST' | 'DELETE'

async function start () {
  const live = await openSmall(await writeSmallIndex())
  const app = await buildTestApp(ENV, createLiveLinker(live))
  const ask = async (method: Method, path: string, body?: Buffer | object, headers: Record<string, string> = KEY): Promise<Reply> => {
    const type = Buffer.isBuffer(body) ? 'image/jpeg' : 'application/json'
    return await app.send(path, {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-type': type }) },
      ...(body === undefined ? {} : { body: Buffer.isBuffer(body) ? body : JSON.stringify(body) })
    })
  }
  const link = async (vector: number, query = ''): Promise<Reply['json']> =>
    (await ask('POST', `/link${query}`, photo({ vector }))).json.mentions[0]
  return { ...app, live, ask, link }
}

test('a blocked person is not linked, returned as a candidate or found, and is again when unblocked', async () => {
  const { ask, link } = await start()
  expect((await link(0)).entity.id).toBe('Q1')
  expect(await ask('PUT', '/blocklist/Q1')).toMatchObject({ status: 201, json: { id: 'Q1' } })
  expect(await ask('PUT', '/blocklist/Q1')).toMatchObject({ status: 200, json: { id: 'Q1' } })
  const mention = await link(0, '?topK=9')
  expect(mention).toMatchObject({ status: 'nil', nilReason: 'threshold', entity: null })
  expect(mention.candidates.map(({ rank }: { rank: number }) => rank)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
  expect(JSON.stringify(mention)).not.toContain('Q1"')
  expect((await link(2)).entity.id).toBe('Q2')
  const found = (await ask('GET', '/entities?query=Person&limit=100')).json.entities.map(({ id }: { id: string }) => id)
  expect(found).toEqual(['Q2', 'Q3', 'Q4', 'Q5', 'Q6', 'Q7', 'Q8', 'Q9', 'Q10'])
  expect((await ask('GET', '/entities?query=Person%201')).json.entities.map(({ id }: { id: string }) => id)).toEqual(['Q10'])
  expect((await ask('DELETE', '/blocklist/Q1')).status).toBe(204)
  expect((await ask('DELETE', '/blocklist/Q1')).status).toBe(404)
  expect((await link(0)).entity.id).toBe('Q1')
})

test('a blocked id is answered like one that the index does not have', async () => {
  const { ask } = await start()
  await ask('PUT', '/blocklist/Q1')
  const [blocked, absent] = [await ask('GET', '/entities/Q1', undefined, READER), await ask('GET', '/entities/Q77', undefined, READER)]
  expect(blocked.status).toBe(404)
  expect(blocked.json.detail.replace('Q1', 'Q77')).toBe(absent.json.detail)
  expect(Object.keys(blocked.headers)).toEqual(Object.keys(absent.headers))
})

test('an id can be blocked before it is imported; put and new photos are refused, deletions are not', async () => {
  const { ask, link, live } = await start()
  for (const id of ['Q900', 'Q1']) expect((await ask('PUT', `/blocklist/${id}`)).status).toBe(201)
  expect((await ask('GET', '/blocklist')).json).toEqual({ ids: ['Q1', 'Q900'] })
  for (const refused of [
    await ask('PUT', '/entities/Q900', { name: 'Somebody' }),
    await ask('PUT', '/entities/Q1', { name: 'Somebody' }),
    await ask('POST', '/entities/Q1/images', photo({ vector: 30 }))
  ]) {
    const detail = 'Expected an id that is not on the blocklist, received one that is; take it off first by DELETE /blocklist/{id}, if ' +
      'that may be done'
    expect(refused).toMatchObject({ status: 409, json: { code: 'VEL_ERR_BLOCKED', detail } })
  }
  expect((await ask('DELETE', `/entities/Q1/images/${live.view().images('Q1')[0]}`)).status).toBe(204)
  expect((await ask('DELETE', '/entities/Q1')).status).toBe(204)
  expect((await ask('GET', '/blocklist')).json.ids).toContain('Q1')
  expect((await link(0)).entity).toBeNull()
})

test('notes on a new photo do not name a blocked person', async () => {
  const { ask } = await start()
  expect((await ask('POST', '/entities/Q2/images', photo({ vector: 0 }))).json.notes.join()).toContain('Q1')
  await ask('PUT', '/blocklist/Q1')
  expect((await ask('POST', '/entities/Q3/images', photo({ vector: 0, size: 90 }))).json.notes.join()).not.toMatch(/Q1\b/)
})

test('two faces of a blocked person are both nil for the same reason', async () => {
  const { ask } = await start()
  await ask('PUT', '/blocklist/Q1')
  const { json } = await ask('POST', '/link', photo({ vector: 0 }, { vector: 1, left: 200 }))
  expect(json.mentions.map(({ nilReason }: { nilReason: string }) => nilReason)).toEqual(['threshold', 'threshold'])
})

test('who is blocked while the image is linked is not named', async () => {
  const { live } = await start()
  const linker = createLiveLinker({
    ...live,
    use: async work => {
      const result = await live.use(work)
      if (live.view().blocked.size === 0) await live.change({ kind: 'block', entity: 'Q1' })
      return result
    }
  })
  expect((await linker.linkImage(photo({ vector: 0 }), {})).links[0]).toMatchObject({ status: 'nil', entity: null })
})

test('the blocklist needs scope kb:write, takes ids alone, and is counted without saying who', async () => {
  const { ask, log, send } = await start()
  for (const [method, path] of [['GET', '/blocklist'], ['PUT', '/blocklist/Q1'], ['DELETE', '/blocklist/Q1']] as const) {
    expect((await ask(method, path, undefined, READER)).status, path).toBe(403)
    expect((await ask(method, path, undefined, {})).status, path).toBe(401)
    expect((await ask(method, `${path}?a=1`)).status, path).toBe(400)
  }
  for (const id of ['Q0', 'P31', 'q1', 'Q1x', '%00']) expect((await ask('PUT', `/blocklist/${id}`)).status, id).toBe(400)
  await ask('PUT', '/blocklist/Q7654321')
  await ask('POST', '/link', photo({ vector: 0 }))
  const { text } = await send('/metrics')
  expect(text).toMatch(/^vel_blocked_entities 1$/m)
  expect(text).not.toContain('7654321')
  expect(JSON.stringify((await send('/health/ready')).json)).not.toContain('blocked')
  await ask('DELETE', '/blocklist/Q7654321')
  await expect.poll(() => log.filter(line => line.route === '/blocklist/:id' && line.status === 204)).toHaveLength(1)
  expect(JSON.stringify(log)).not.toContain('7654321')
})

test('a blocked lookalike makes nobody else the answer', async () => {
  const { ask, link } = await start()
  await ask('PUT', '/entities/Q900', { name: 'Twin' })
  await ask('POST', '/entities/Q900/images', photo({ vector: 30 }))
  expect(vectors[30]).toBeDefined()
  await ask('PUT', '/blocklist/Q900')
  for (const query of ['', '?topK=1', '?mode=v2v']) expect(await link(30, query)).toMatchObject({ status: 'nil', entity: null })
})
