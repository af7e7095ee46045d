import { describe, expect, it } from 'vitest'
import { buildTestApp, form } from '../helpers/build-index.ts'
import { drawImage } from '../helpers/images.ts'

const SECRET = 'a-secret-of-some-length'

describe('the log', () => {
  it.each([
    ['x-api-key', { 'x-api-key': SECRET }],
    ['Authorization', { authorization: `Bearer ${SECRET}` }],
    ['a cookie', { 'x-api-key': SECRET, cookie: `session=${SECRET}` }]
  ])('G2: holds no secret of a multipart upload with %s, at level trace', async (_name, headers) => {
    const { send, log } = await buildTestApp({ LOG_LEVEL: 'trace', API_KEYS: `desk:${SECRET}` })
    const { headers: type, body } = form(['image', await drawImage(), 'a.jpg', 'image/jpeg'])
    expect((await send('/link', { method: 'POST', headers: { ...type, ...headers, 'x-of-the-client': 'private' }, body })).status).toBe(200)
    await expect.poll(() => log.filter(line => line.msg === 'request')).toHaveLength(1)
    expect(log.map(line => line.level)).toContain(10)
    expect(JSON.stringify(log)).not.toContain(SECRET)
    expect(JSON.stringify(log)).not.toContain('private')
  })

  it.each([
    ['at the top', (headers: object) => ({ headers })],
    ['of a request', (headers: object) => ({ request: { headers } })],
    ['of a raw request', (headers: object) => ({ request: { raw: { headers } } })]
  ])('G2: holds no header fields %s, whatever logs them', async (_name, line) => {
    const { app, log } = await buildTestApp({ LOG_LEVEL: 'trace' })
    app.log.error(line({ cookie: SECRET }))
    app.log.child({ reqId: 'a' }).trace(line({ cookie: SECRET }))
    expect(JSON.stringify(log)).not.toContain(SECRET)
    expect(log.filter(entry => JSON.stringify(entry).includes('[not logged]'))).toHaveLength(2)
  })
})
