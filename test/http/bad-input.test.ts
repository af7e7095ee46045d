import { describe, expect, it } from 'vitest'
import { buildTestApp, form, type TestApp } from '../helpers/build-index.ts'
import { drawImage, forgePng } from '../helpers/images.ts'

const JPEG = { 'content-type': 'image/jpeg' }
const JSON_TYPE = { 'content-type': 'application/json' }
type Options = Parameters<TestApp['send']>[1]

const image = await drawImage()
const png = await drawImage('png')
const json = (value: unknown, headers: Record<string, string> = JSON_TYPE): Options => ({
  headers,
  body: typeof value === 'string' ? value : JSON.stringify(value)
})
const boxed = (boxes: string): Options => form(['image', image, 'a.jpg'], ['boxes', boxes])
const queried = (query: string): Options => ({ path: `/link?${query}`, headers: JPEG, body: image })

const nameless = (head: string): Options => {
  const { headers, body } = form(['image', image, 'a.jpg'])
  return { headers, body: Buffer.concat([Buffer.from(`--vel-test-boundary\r\n${head}\r\n\r\nabc\r\n`), body]) }
}

const CASES: Array<[name: string, status: number, code: string, request: Options]> = [
  ['no body at all', 400, 'NO_IMAGE', {}],
  ['empty raw body', 400, 'NO_IMAGE', { headers: JPEG, body: '' }],
  ['empty JSON body', 400, 'NO_IMAGE', json('')],
  ['empty form', 400, 'NO_IMAGE', form()],
  ['empty file', 400, 'NO_IMAGE', form(['image', '', 'a.jpg'])],
  ['wrong field name', 400, 'NO_IMAGE', form(['photo', image, 'a.jpg'])],
  ['image as text field', 400, 'NO_IMAGE', form(['image', 'a.jpg'])],
  ['two images', 400, 'NO_IMAGE', form(['image', image, 'a.jpg'], ['image', image, 'b.jpg'])],
  ['three images', 400, 'NO_IMAGE', form(['image', image, 'a.jpg'], ['image', image, 'b.jpg'], ['image', image, 'c.jpg'])],
  ['no boundary', 400, 'BAD_REQUEST', { headers: { 'content-type': 'multipart/form-data' }, body: image }],
  ['form that breaks off', 400, 'BAD_REQUEST', { headers: form().headers, body: form(['image', image, 'a.jpg']).body.subarray(0, 400) }],
  ['field named like a prototype member', 400, 'BAD_REQUEST', form(['__proto__', '1'], ['image', image, 'a.jpg'])],
  [
    'too many fields',
    400,
    'BAD_OPTION',
    form(...Array.from({ length: 40 }, (): [string, string] => ['topK', '5']), ['image', image, 'a.jpg'])
  ],
  ['text named .jpg', 415, 'NOT_AN_IMAGE_TYPE', form(['image', 'just words', 'a.jpg', 'image/jpeg'])],
  ['PDF', 415, 'NOT_AN_IMAGE_TYPE', { headers: JPEG, body: '%PDF-1.4 words' }],
  [
    'SVG',
    415,
    'NOT_AN_IMAGE_TYPE',
    { headers: { 'content-type': 'image/svg+xml' }, body: '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>' }
  ],
  ['truncated JPEG', 422, 'UNDECODABLE', { headers: JPEG, body: image.subarray(0, image.length >> 1) }],
  ['truncated PNG', 422, 'UNDECODABLE', { headers: JPEG, body: png.subarray(0, png.length - 40) }],
  ['0x0 PNG', 422, 'UNDECODABLE', { headers: JPEG, body: await forgePng(0, 0) }],
  ['another Content-Type', 415, 'MEDIA_TYPE', { headers: { 'content-type': 'text/plain' }, body: image }],
  ['video', 415, 'MEDIA_TYPE', { headers: { 'content-type': 'video/mp4' }, body: image }],
  ['form-urlencoded', 415, 'MEDIA_TYPE', { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'image=a' }],
  ['a body without Content-Type', 415, 'MEDIA_TYPE', { body: image }],
  ['a Content-Type that is none', 415, 'MEDIA_TYPE', { headers: { 'content-type': ';;;' }, body: image }],
  ['gzip', 415, 'MEDIA_TYPE', { headers: { ...JPEG, 'content-encoding': 'gzip' }, body: image }],
  ['JSON in UTF-16', 415, 'MEDIA_TYPE', json('{}', { 'content-type': 'application/json; charset=utf-16' })],
  ['broken JSON', 400, 'BAD_JSON', json('{"image": "abc')],
  ['JSON that is not UTF-8', 400, 'BAD_JSON', { headers: JSON_TYPE, body: Buffer.from([0x7b, 0xff, 0x7d]) }],
  ['JSON list', 400, 'BAD_JSON', json([])],
  ['JSON null', 400, 'BAD_JSON', json('null')],
  ['JSON without an image', 400, 'NO_IMAGE', json({})],
  ['JSON image that is a number', 400, 'NO_IMAGE', json({ image: 7 })],
  ['JSON with image and url', 400, 'NO_IMAGE', json({ image: 'aaaa', url: 'http://a.b/c' })],
  ['base64 garbage', 400, 'NO_IMAGE', json({ image: 'not base64 at all!' })],
  ['base64 of impossible length', 400, 'NO_IMAGE', json({ image: 'abcde' })],
  ['empty base64', 400, 'NO_IMAGE', json({ image: '' })],
  ['data: URL without base64', 400, 'NO_IMAGE', json({ image: 'data:image/png,abc' })],
  ['url while fetching is off', 403, 'URL_REFUSED', json({ url: 'http://example.org/a.jpg' })],
  ['url that is a list', 400, 'NO_IMAGE', json({ url: ['http://example.org/a.jpg'] })],
  ['__proto__ in JSON', 400, 'BAD_OPTION', json(`{"image":"${image.toString('base64')}","__proto__":{"mode":"v2v"}}`)],
  ['unknown option in the query', 400, 'BAD_OPTION', queried('modus=v2v')],
  ['unknown option in the form', 400, 'BAD_OPTION', form(['image', image, 'a.jpg'], ['top_k', '3'])],
  ['unknown option in JSON', 400, 'BAD_OPTION', json({ image: image.toString('base64'), limit: 3 })],
  ['option that differs from itself', 400, 'BAD_OPTION', queried('topK=1&topK=2')],
  [
    'option that differs between query and form',
    400,
    'BAD_OPTION',
    { path: '/link?topK=1', ...form(['image', image, 'a.jpg'], ['topK', '2']) }
  ],
  ['wrong mode', 400, 'BAD_OPTION', queried('mode=V2V')],
  ['empty mode', 400, 'BAD_OPTION', queried('mode=')],
  ['wrong order', 400, 'BAD_OPTION', queried('order=face_text')],
  ...['0', '101', '-1', '1.5', '1e2', 'NaN', '٣', ' 5', '5;--'].map((k): [string, number, string, Options] => [
    `topK ${k}`,
    400,
    'BAD_OPTION',
    queried(`topK=${encodeURIComponent(k)}`)
  ]),
  ['rerankK beyond its limit', 400, 'BAD_OPTION', queried('rerankK=1000001')],
  ['huge option value', 400, 'BAD_OPTION', form(['image', image, 'a.jpg'], ['mode', 'x'.repeat(3_000_000)])],
  ['boxes that are not JSON', 400, 'BAD_BOXES', boxed('10,20,30,40')],
  ['boxes with NaN', 400, 'BAD_BOXES', boxed('[[NaN,0,1,1]]')],
  ['boxes with null', 400, 'BAD_BOXES', boxed('[[null,0,1,1]]')],
  ['boxes with infinity', 400, 'BAD_BOXES', boxed('[[0,0,1e999,1]]')],
  ['boxes with texts', 400, 'BAD_BOXES', boxed('[["0","0","1","1"]]')],
  ['negative box', 400, 'BAD_BOXES', boxed('[[-1,0,5,5]]')],
  ['box without area', 400, 'BAD_BOXES', boxed('[[3,3,3,9]]')],
  ['box turned over', 400, 'BAD_BOXES', boxed('[[9,9,3,3]]')],
  ['box of three', 400, 'BAD_BOXES', boxed('[[1,2,3]]')],
  ['one flat box', 400, 'BAD_BOXES', boxed('[1,2,3,4]')],
  ['boxes as an object', 400, 'BAD_BOXES', boxed('{"x":1}')],
  ['C1: boxes 5,000 levels deep', 400, 'BAD_BOXES', boxed('['.repeat(5000) + ']'.repeat(5000))],
  ...['topK', 'mode', 'order', 'rerankK', 'boxes'].flatMap(name => [['[', ']'], ['{"a":', '}']].map(
    ([open, close]): [string, number, string, Options] => [
      `C1: JSON ${name} 100,000 levels deep of ${open!}`,
      400,
      'BAD_JSON',
      json(`{"image":"${image.toString('base64')}","${name}":${open!.repeat(100_000)}1${close!.repeat(100_000)}}`)
    ]
  )),
  ['C2: a field without a name', 400, 'BAD_REQUEST', nameless('Content-Disposition: form-data')],
  ['C2: a file without a name', 400, 'BAD_REQUEST', nameless('Content-Disposition: form-data; filename="a.jpg"')],
  ...['0,0,1e-9,250', '0,0,5e-324,5e-324', '0,0,0.99,5', '0,0,5,0.99', '0,0,1,11', '0,0,250,24'].map(
    (box): [string, number, string, Options] => [`C3: the sliver ${box}`, 400, 'BAD_BOXES', boxed(`[[${box}]]`)]
  ),
  ['no boxes', 400, 'BAD_BOXES', boxed('[]')],
  ['10,000 boxes', 400, 'BAD_BOXES', boxed(JSON.stringify(Array.from({ length: 10_000 }, () => [1, 1, 20, 20])))]
]

describe('POST /link with bad input', () => {
  it.each(CASES)('%s is %i %s, and the next request on the same connection works', async (_name, status, code, request) => {
    const { send } = await buildTestApp()
    const reply = await send('/link', { method: 'POST', ...request })
    expect([reply.status, reply.json['code']]).toEqual([status, `VEL_ERR_${code}`])
    expect(reply.json).toMatchObject({
      status,
      requestId: reply.headers['x-request-id'],
      instance: `urn:vel:request:${reply.headers['x-request-id']}`
    })
    expect(reply.json['detail'].length).toBeLessThan(400)
    expect((await send('/link', { method: 'POST', headers: JPEG, body: image })).status).toBe(200)
  })

  it('links a picture of one pixel', async () => {
    const { send } = await buildTestApp()
    expect((await send('/link', { method: 'POST', headers: JPEG, body: await drawImage('png', 1, 1) })).status).toBe(200)
  })

  it('refuses a 30,000 x 30,000 PNG by its header, with memory flat', async () => {
    const { send } = await buildTestApp()
    const body = await forgePng(30_000, 30_000)
    const before = process.memoryUsage().rss
    for (let i = 0; i < 5; i++) {
      const { status, json } = await send('/link', { method: 'POST', headers: JPEG, body })
      expect([status, json['code']]).toEqual([413, 'VEL_ERR_TOO_MANY_PIXELS'])
    }
    // Its pixels would take 900 MB at one byte each.
    expect(process.memoryUsage().rss - before).toBeLessThan(100e6)
  })

  it.each(['announced', 'chunked', 'form', 'chunked form', 'JSON'])('refuses a body of 60 MB (%s) without keeping it', async kind => {
    const { send } = await buildTestApp()
    const chunk = Buffer.alloc(1e6, 'A')
    const { headers, body: whole } = form(['image', Buffer.alloc(0), 'a.jpg'])
    const head = whole.subarray(0, whole.indexOf('\r\n\r\n') + 4)
    const before = process.memoryUsage().rss
    async function * chunks (): AsyncGenerator<Buffer> {
      if (kind.endsWith('form')) yield head
      if (kind === 'JSON') yield Buffer.from('{"image":"')
      for (let i = 0; i < 60; i++) yield chunk
    }
    const length = 60e6 + (kind === 'form' ? head.length : kind === 'JSON' ? 10 : 0)
    const type = kind.endsWith('form') ? headers : kind === 'JSON' ? JSON_TYPE : JPEG
    const sized = kind.startsWith('chunked') ? {} : { 'content-length': String(length) }
    const { status, json } = await send('/link', { method: 'POST', headers: { ...type, ...sized }, body: chunks() as never })
    expect([status, json['code']]).toEqual([413, 'VEL_ERR_TOO_MANY_BYTES'])
    expect(process.memoryUsage().rss - before).toBeLessThan(55e6)
    expect((await send('/link', { method: 'POST', headers: JPEG, body: image })).status).toBe(200)
  })
})
