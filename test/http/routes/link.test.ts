import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { BUSH, createFakeLinker } from '../../helpers/fake-linker.ts'
import { buildTestApp, form } from '../../helpers/build-index.ts'
import { drawImage } from '../../helpers/images.ts'

const JPEG = { 'content-type': 'image/jpeg' }

describe('POST /link', () => {
  it('takes a multipart field, a raw body, base64, its URL-safe form and a data: URL, with the same result', async () => {
    const { send } = await buildTestApp()
    const bytes = await drawImage()
    const json = { 'content-type': 'application/json; charset=utf-8' }
    const base64 = bytes.toString('base64')
    const replies = await Promise.all([
      send('/link', { method: 'POST', ...form(['image', bytes, 'a.jpg', 'image/jpeg']) }),
      send('/link', { method: 'POST', headers: JPEG, body: bytes }),
      send('/link', { method: 'POST', headers: { 'content-type': 'APPLICATION/OCTET-STREAM' }, body: bytes }),
      send('/link', { method: 'POST', headers: json, body: JSON.stringify({ image: base64 }) }),
      send('/link', { method: 'POST', headers: json, body: JSON.stringify({ image: bytes.toString('base64url') }) }),
      send('/link', { method: 'POST', headers: json, body: JSON.stringify({ image: base64.replace(/(.{76})/g, '$1\n') }) }),
      send('/link', { method: 'POST', headers: json, body: JSON.stringify({ image: `data:image/jpeg;base64,${base64}` }) })
    ])
    for (const { status, json } of replies) {
      expect(status).toBe(200)
      expect(json['image']).toEqual({ width: 64, height: 48, turnedBy: 0, sha256: createHash('sha256').update(bytes).digest('hex') })
      expect(json['mentions'][0].box).toEqual({ x: 0, y: 0, width: 64, height: 48 })
      expect(json['mentions'][0].entity).toEqual({
        id: 'Q207',
        name: BUSH.name,
        description: BUSH.description,
        url: 'https://www.wikidata.org/wiki/Q207'
      })
    }
  })

  it('takes an image of exactly MAX_IMAGE_BYTES and refuses one byte more', async () => {
    const bytes = await drawImage()
    const { send } = await buildTestApp({ MAX_IMAGE_BYTES: String(bytes.length) })
    const more = Buffer.concat([bytes, Buffer.alloc(1)])
    for (const [body, status] of [[bytes, 200], [more, 413]] as const) {
      expect((await send('/link', { method: 'POST', headers: JPEG, body })).status).toBe(status)
      expect((await send('/link', { method: 'POST', ...form(['image', body, 'a.jpg']) })).status).toBe(status)
      expect((await send(
        '/link',
        { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ image: body.toString('base64') }) }
      )).status).toBe(status)
    }
  })

  it('takes options from query, form and JSON alike', async () => {
    const { send } = await buildTestApp()
    const image = await drawImage()
    const boxes = [[1, 2, 11, 22.5], [0, 0, 5, 5]]
    const replies = await Promise.all([
      send(`/link?boxes=${encodeURIComponent(JSON.stringify(boxes))}&topK=3`, { method: 'POST', headers: JPEG, body: image }),
      send('/link', { method: 'POST', ...form(['boxes', JSON.stringify(boxes)], ['image', image, 'a.jpg'], ['mode', 'v2v']) }),
      send(
        '/link?topK=3',
        { method: 'POST', ...form(['image', image, 'a.jpg'], ['boxes', JSON.stringify(boxes), '', 'application/json'], ['topK', '3']) }
      ),
      send(
        '/link',
        {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ image: image.toString('base64'), boxes, topK: 3, rerankK: 600, order: 'face-text' })
        }
      )
    ])
    for (const { status, json } of replies) {
      expect(status).toBe(200)
      expect(json['mentions'].map((m: { box: object }) => m.box)).toEqual([
        { x: 1, y: 2, width: 10, height: 20.5 },
        { x: 0, y: 0, width: 5, height: 5 }
      ])
      expect(json['mentions'][0].detectionScore).toBeNull()
    }
  })

  it('answers 200 without mentions where there is no face', async () => {
    const { send } = await buildTestApp({}, createFakeLinker({ faces: false }))
    const { status, json } = await send('/link', { method: 'POST', headers: JPEG, body: await drawImage() })
    expect(status).toBe(200)
    expect(json['mentions']).toEqual([])
  })

  it('tells timings as Server-Timing and logs one line without names, bytes or queries', async () => {
    const { send, log } = await buildTestApp()
    const { headers } = await send(
      '/link?topK=2',
      { method: 'POST', headers: { ...JPEG, 'x-request-id': 'my-id.1' }, body: await drawImage() }
    )
    expect(headers['server-timing']).toMatch(/^decode;dur=1\.2, detect;dur=2\.0, total;dur=\d/)
    expect(headers['x-request-id']).toBe('my-id.1')
    await expect.poll(() => log.filter(line => line['reqId'] === 'my-id.1' && line['msg'] === 'request').length).toBe(1)
    const lines = log.filter(line => line['reqId'] === 'my-id.1' && line['level'] >= 30)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatchObject({
      method: 'POST',
      route: '/link',
      status: 200,
      imageWidth: 64,
      imageHeight: 48,
      mentions: 1,
      linked: 1,
      ambiguous: 0,
      nil: 0,
      stages: { decode: 1.23, detect: 2 }
    })
    expect(JSON.stringify(log)).not.toMatch(/Bush|topK=2|\?/)
  })

  it('fetches by URL only from public addresses of allowed hosts, and logs no URL', async () => {
    const { send, log, port } = await buildTestApp({ ALLOWED_URL_HOSTS: 'localhost' })
    const byUrl = async (url: string): Promise<unknown> => (await send(
      '/link',
      { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ url }) }
    )).json.code
    expect(await byUrl(`http://localhost:${port}/health/live`)).toBe('VEL_ERR_URL_REFUSED')
    expect(await byUrl('http://elsewhere.example/a.jpg')).toBe('VEL_ERR_URL_REFUSED')
    await expect.poll(() => log.filter(line => line.route === '/link').length).toBe(2)
    expect(JSON.stringify(log)).not.toMatch(/elsewhere|localhost/)
  })

  it('answers 422 for a mode that cannot be served', async () => {
    const { send } = await buildTestApp()
    const { status, json } = await send('/link?mode=v2t', { method: 'POST', headers: JPEG, body: await drawImage() })
    expect([status, json['code']]).toEqual([422, 'VEL_ERR_MODE_UNAVAILABLE'])
  })
})

describe('GET /entities/:id', () => {
  it('tells one person', async () => {
    const { send } = await buildTestApp()
    const { status, json } = await send('/entities/Q207')
    expect(status).toBe(200)
    expect(json).toEqual({ ...BUSH, images: [], url: 'https://www.wikidata.org/wiki/Q207' })
  })

  it.each([
    ['/entities/Q42', 404],
    ['/entities/q207', 400],
    ['/entities/%2e%2e', 400],
    ['/entities/Q0', 400],
    ['/entities/Q1%00', 400],
    [`/entities/Q${'1'.repeat(99)}`, 400],
    [`/entities/Q${'1'.repeat(300)}`, 400],
    ['/entities/', 400]
  ])('%s is %i', async (path, status) => {
    const { send } = await buildTestApp()
    expect((await send(path)).status).toBe(status)
  })
})
