import { truncate } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { buildTestApp, type Reply, type TestApp } from '../../helpers/build-index.ts'
import { createLiveLinker, photo } from '../../helpers/live-linker.ts'
import { imageOf, openSmall, vectors, writeSmallIndex } from '../../helpers/open-live-index.ts'
import { content, identity, seededEntities } from '../../helpers/build-small-index.ts'
import { writeIndex } from '../../../src/kb/build/write-index.ts'

const SECRET = 'a-secret-of-the-newsroom'
const KEY = { 'x-api-key': SECRET }
const ENV = { API_KEYS: `desk:${SECRET}:link+kb:write,reader:another-secret-text:link` }

interface Live extends TestApp {
  readonly dir: string
  readonly json: (method: 'PUT' | 'POST' | 'DELETE' | 'GET', path: string, body?: unknown) => Promise<Reply>
  readonly post: (path: string, image: Buffer) => Promise<Reply>
  readonly linked: (vector: number) => Promise<string | undefined>
}

async function start (): Promise<Live> {
  const dir = await writeSmallIndex()
  const app = await buildTestApp(ENV, createLiveLinker(await openSmall(dir)))
  const post: Live['post'] = async (path, image) => await app.send(
    path,
    { method: 'POST', headers: { ...KEY, 'content-type': 'image/jpeg' }, body: image }
  )
  return {
    ...app,
    dir,
    post,
    json: async (method, path, body) => await app.send(
      path,
      {
        method,
        headers: { ...KEY, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) })
      }
    ),
    linked: async vector => (await post('/link', photo({ vector }))).json.mentions[0].entity?.id as string | undefined
  }
}

test('a person that is put with a photo is linked by the next request, and gone when deleted', async () => {
  const { json, post, linked } = await start()
  expect(await linked(30)).toBeUndefined()
  const put = await json('PUT', '/entities/Q900', { name: '  Zoë Łuck  ', description: 'editor', aliases: ['Z. L.'] })
  expect(put).toMatchObject({
    status: 201,
    json: { id: 'Q900', name: 'Zoë Łuck', description: 'editor', aliases: ['Z. L.'], images: [] }
  })
  expect((await json('PUT', '/entities/Q900', { name: 'Zoë Łuck' })).status).toBe(200)
  const added = await post('/entities/Q900/images', photo({ vector: 30 }))
  expect(added).toMatchObject({ status: 201, json: { id: 'Q900', image: expect.stringMatching(/^[0-9a-f]{16}$/) as string } })
  expect(await post('/entities/Q900/images', photo({ vector: 30 }))).toMatchObject({ status: 200, json: added.json })
  expect(await linked(30)).toBe('Q900')
  const { image } = added.json
  expect((await json('GET', '/entities/Q900')).json.images).toEqual([image])
  expect((await json('DELETE', `/entities/Q900/images/${image}`)).status).toBe(204)
  expect((await json('DELETE', `/entities/Q900/images/${image}`)).status).toBe(404)
  expect(await linked(30)).toBeUndefined()
  expect(await linked(0)).toBe('Q1')
  expect((await json('DELETE', '/entities/Q1')).status).toBe(204)
  expect(await linked(0)).toBeUndefined()
  const replies = [
    await json('GET', '/entities/Q1'), await json('DELETE', '/entities/Q1'), await post('/entities/Q1/images', photo({ vector: 30 }))
  ]
  for (const reply of replies) expect(reply).toMatchObject({ status: 404, json: { code: 'VEL_ERR_NOT_FOUND' } })
})

test.each([
  ['no face', photo(), /one without a face that was found \(640x480 px\)/],
  [
    'two faces', photo({ vector: 1 }, { vector: 2, left: 50 }),
    /one with 2 usable faces .*; crop it .*; boxes seen: \[50,0,150,100\] \[0,0,100,100\]/
  ],
  [
    'a face that says too little', photo({ vector: 1, featureNorm: 2.4 }),
    /one with a face that says too little \(feature norm 2.40, at least 2.5\)/
  ],
  ['a tiny face', photo({ vector: 1, size: 20 }), /too small \(20 px on the short side, at least 40 are needed\)/],
  ['a blurred face', photo({ vector: 1, sharpness: 3 }), /a blurred one \(sharpness 3, at least 12 is needed\)/],
  ['no photo', Buffer.from('hello'), /cannot be decoded/]
])('a photo with %s is refused with the reason', async (_what, image, reason) => {
  const { post } = await start()
  expect(await post('/entities/Q1/images', image)).toMatchObject({ status: 422, json: { detail: expect.stringMatching(reason) as string } })
})

test('a box chooses one of several faces; other options are refused', async () => {
  const { post, linked, json } = await start()
  const two = photo({ vector: 30 }, { vector: 31, left: 50 })
  for (const query of ['topK=1', 'box=[0,0,1]', 'box=[1,0,1,1]', 'box=1],[2', 'box=[0,0,9,9]&box=[0,0,8,8]']) {
    expect(await post(`/entities/Q1/images?${query}`, two), query).toMatchObject({ status: 400 })
  }
  expect(await post('/entities/Q1/images?box=[50,0,150,100]', two)).toMatchObject({ status: 201 })
  expect(await linked(31)).toBe('Q1')
  expect(await linked(30)).toBeUndefined()
  const body = { image: two.toString('base64'), box: [0, 0, 100, 100] }
  expect(await json('POST', '/entities/Q2/images', body)).toMatchObject({ status: 201 })
  expect(await linked(30)).toBe('Q2')
  expect(await json('POST', '/entities/Q2/images', { ...body, box: [50, 0, 150, 100] })).toMatchObject({
    status: 200, json: { notes: [expect.stringContaining('has this photo already') as string] }
  })
})

test('the reply says whose face it nearly is, and that it is unlike the other photos of the person', async () => {
  const { post, json } = await start()
  await json('PUT', '/entities/Q900', { name: 'Somebody' })
  expect((await post('/entities/Q900/images', photo({ vector: 30 }))).json.notes).toEqual([])
  expect((await post('/entities/Q2/images', photo({ vector: 30, size: 90 }))).json.notes).toEqual([
    'nearly the face of Q900 (Somebody): similarity 1.00',
    expect.stringMatching(/^unlike the person's other photos: similarity -?0\.\d\d at most$/) as string
  ])
})

test('a passer-by in the background does not count', async () => {
  const { post, linked } = await start()
  expect((await post('/entities/Q1/images', photo({ vector: 30 }, { vector: 31, size: 20 }))).status).toBe(201)
  expect(await linked(30)).toBe('Q1')
  expect(await linked(31)).toBeUndefined()
})

test.each<[string, unknown, RegExp]>([
  ['none', {}, /a value of type string for "name", received none/],
  ['of spaces', { name: '   ' }, /a name that is not empty for "name", received an empty one/],
  ['of 1 MB', { name: 'x'.repeat(2 ** 20) }, /a JSON object, received one of more than 1048576 bytes/],
  ['B1: nested 65 levels deep', JSON.parse(`{"name":${'['.repeat(65)}${']'.repeat(65)}}`), /one that is nested more than 64 levels deep/],
  ['of 501 characters', { name: 'x'.repeat(501) }, /at most 500 characters for "name", received a text of 501 characters/],
  ['with control characters', { name: 'a\u0007b' }, /no control characters for "name"/],
  ['that is a number', { name: 7 }, /a value of type string for "name", received a number/],
  ['beside another member', { name: 'a', images: [] }, /aliases, birthYear, deathYear for "images", received an unknown member/],
  ['and an alias that is null', { name: 'a', aliases: [null] }, /for "aliases.0", received null/]
])('a name %s is refused with one sentence', async (_what, body, reason) => {
  const { json } = await start()
  expect(await json('PUT', '/entities/Q900', body)).toMatchObject({
    status: 400,
    json: { detail: expect.stringMatching(reason) as string }
  })
})

test.each(['Q998', 'Q900'])('C7: the id %s in the body of PUT is refused', async id => {
  const { json } = await start()
  const detail = 'Expected one of name, description, aliases, birthYear, deathYear for "id", received an unknown member'
  expect(await json('PUT', '/entities/Q900', { id, name: 'a' })).toMatchObject({ status: 400, json: { detail } })
  expect((await json('GET', '/entities/Q900')).status).toBe(404)
})

test('C7: a query is refused by every route that writes', async () => {
  const { json, post } = await start()
  const replies = [
    await post('/entities/Q1/images?topK=1', photo({ vector: 30 })), await json('PUT', '/entities/Q900?a=1', { name: 'a' }),
    await json('DELETE', '/entities/Q1?a=1'), await json('POST', '/index/reload?a=1')
  ]
  for (const reply of replies) expect(reply).toMatchObject({ status: 400, json: { code: 'VEL_ERR_BAD_OPTION' } })
  expect((await json('GET', '/entities/Q1')).status).toBe(200)
})

test.each([undefined, 'image/jpeg', 'text/plain'])('C8: PUT of the type %s names application/json alone', async type => {
  const { send } = await start()
  const headers = { ...KEY, ...(type === undefined ? {} : { 'content-type': type }) }
  const detail = 'Expected Content-Type application/json, without Content-Encoding, received another Content-Type or none'
  expect(await send('/entities/Q900', { method: 'PUT', headers, body: '{"name":"a"}' })).toMatchObject({ status: 415, json: { detail } })
})

test('C1: a record 100,000 levels deep is refused', async () => {
  const { send } = await start()
  const deep = '['.repeat(100_000) + ']'.repeat(100_000)
  for (const member of ['name', 'aliases', 'other']) {
    const body = `{"name":"a","${member}":${deep}}`
    const headers = { ...KEY, 'content-type': 'application/json' }
    expect((await send('/entities/Q900', { method: 'PUT', headers, body })).status, member).toBe(400)
  }
})

test('marks that turn a name around are taken out', async () => {
  const { json } = await start()
  expect((await json('PUT', '/entities/Q900', { name: 'Ann\u202e\u200f Lee' })).json.name).toBe('Ann Lee')
})

test('ids that are none are refused everywhere', async () => {
  const { json, post } = await start()
  for (const reply of [
    await json('PUT', '/entities/P31', { name: 'a' }), await json('DELETE', '/entities/Q0'),
    await post('/entities/q1/images', photo({ vector: 1 })), await json('DELETE', '/entities/Q1/images/zz')
  ]) {
    expect(reply).toMatchObject({ status: 400, json: { code: 'VEL_ERR_BAD_OPTION' } })
  }
})

test('writing needs a key with its scope, and is off without keys', async () => {
  const { send } = await start()
  const body = JSON.stringify({ name: 'a' })
  const headers = { 'content-type': 'application/json' }
  expect(await send('/entities/Q1', { method: 'PUT', headers, body })).toMatchObject({ status: 401 })
  expect(await send(
    '/entities/Q1',
    { method: 'PUT', headers: { ...headers, 'x-api-key': 'another-secret-text' }, body }
  )).toMatchObject({ status: 403, json: { code: 'VEL_ERR_KEY_REFUSED' } })
  const open = await buildTestApp({}, createLiveLinker(await openSmall(await writeSmallIndex())))
  for (const [method, path] of [
    ['PUT', '/entities/Q1'],
    ['DELETE', '/entities/Q1'],
    ['POST', '/entities/Q1/images'],
    ['DELETE', `/entities/Q1/images/${imageOf(0)}`],
    ['POST', '/index/reload']
  ] as const) {
    expect(await open.send(path, { method })).toMatchObject({
      status: 403,
      json: { detail: 'Expected an API key with scope kb:write, received a request to a service without keys (API_KEYS)' }
    })
  }
})

test('people are found by the beginning of any word of name or alias, page by page', async () => {
  const { json } = await start()
  await json('PUT', '/entities/Q5000', { name: 'Łukasz Müller-Straße', aliases: ['Herr Ørsted'] })
  const find = async (query: string): Promise<string[]> => {
    const { entities } = (await json('GET', `/entities?query=${encodeURIComponent(query)}`)).json
    return entities.map(({ id }: { id: string }) => id)
  }
  for (const query of ['lukasz', 'ŁUK', 'mull', 'strasse', 'orsted', 'herr o', 'muller  strasse']) {
    expect(await find(query), query).toEqual(['Q5000'])
  }
  for (const query of ['ukasz', 'nobody', '???']) expect(await find(query), query).toEqual([])
  const seen: string[] = []
  for (let path = '/entities?query=person&limit=4'; ;) {
    const { json: page } = await json('GET', path)
    seen.push(...page.entities.map(({ id }: { id: string }) => id))
    if (page.next === null) break
    // A deletion between two pages neither skips nor repeats anyone.
    if (seen.length === 4) await json('DELETE', '/entities/Q4')
    path = `/entities?query=person&limit=4&cursor=${page.next}`
  }
  expect(seen).toEqual(Array.from({ length: 10 }, (_, i) => `Q${i + 1}`))
  for (const bad of ['limit=0', 'limit=101', 'limit=x', 'cursor=P1', 'page=2', `query=${'x'.repeat(201)}`, 'query=a&query=b']) {
    expect((await json('GET', `/entities?${bad}`)).status, bad).toBe(400)
  }
})

test('under 8 clients, 20 swaps: no failure, and each reply from exactly one index', async () => {
  const { dir, json, post } = await start()
  // The same three faces belong to other people in every second index; how many it holds tells which of both it is.
  const write = async (turn: number): Promise<void> => {
    const rows = turn % 2 === 0 ? [0, 1, 2] : [3, 4, 5]
    const entities = seededEntities(6 + turn)
    await writeIndex(
      dir,
      {
        ...content(entities, vectors, rows),
        spaces: { face: { encoder: identity, entityRows: Uint32Array.from(rows), read: async vector => vectors[vector]! } }
      }
    )
  }
  await write(0)
  const first = (await json('POST', '/index/reload')).json.index as { version: string }
  const people = new Map([[first.version, 'Q1 Q2 Q3']])
  const seen = new Map<string, number>()
  let done = false
  let wrong = 0
  const client = async (): Promise<void> => {
    // eslint-disable-next-line no-unmodified-loop-condition -- the test ends it
    while (!done) {
      const { status, json: { index, mentions } } = await post('/link', photo({ vector: 0 }, { vector: 1 }, { vector: 2 }))
      const ids = status === 200
        ? mentions.map(({ entity }: { entity: { id: string } }) => entity.id).join(' ') as string
        : `status ${status}`
      const expected = index?.entities % 2 === 0 ? 'Q1 Q2 Q3' : 'Q4 Q5 Q6'
      if (ids !== expected) wrong++
      seen.set(index?.version, (seen.get(index?.version) ?? 0) + 1)
    }
  }
  const clients = Array.from({ length: 8 }, client)
  for (let turn = 1; turn <= 20; turn++) {
    await write(turn)
    const { status, json: { index } } = await json('POST', '/index/reload')
    expect(status).toBe(200)
    people.set(index.version, turn % 2 === 0 ? 'Q1 Q2 Q3' : 'Q4 Q5 Q6')
  }
  done = true
  await Promise.all(clients)
  expect(wrong).toBe(0)
  expect([...seen.keys()].every(version => people.has(version))).toBe(true)
  expect(people.size).toBe(21)
  expect(seen.size).toBeGreaterThan(2)
})

test('a folder that is broken is not swapped in; the reply says why, and linking goes on', async () => {
  const { dir, json, linked } = await start()
  await truncate(`${dir}/face.vectors`, 10)
  expect(await json('POST', '/index/reload')).toMatchObject({
    status: 409,
    json: { code: 'VEL_ERR_RELOAD', detail: expect.stringMatching(/the one before goes on serving: Index .*received 10 bytes/) as string }
  })
  expect(await linked(0)).toBe('Q1')
})
