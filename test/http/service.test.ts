import { describe, expect, it } from 'vitest'
import type { Linker } from '../../src/linker.ts'
import { errors } from '../../src/errors.ts'
import { createFakeLinker } from '../helpers/fake-linker.ts'
import { buildTestApp } from '../helpers/build-index.ts'
import { drawImage } from '../helpers/images.ts'

const JPEG = { 'content-type': 'image/jpeg' }
const image = await drawImage()
const LINK = { method: 'POST', headers: JPEG, body: image } as const
const SECRET = 'a-secret-of-some-length'

describe('a linker that is loading', () => {
  it('is live at once and ready once loaded', async () => {
    let arrive: (linker: Linker) => void = () => {}
    const { send } = await buildTestApp({}, new Promise(resolve => { arrive = resolve }))
    expect((await send('/health/live')).status).toBe(200)
    const starting = await send('/health/ready')
    const { status, json, headers } = starting
    expect([status, json.code, json.models.state, headers['retry-after']]).toEqual([503, 'VEL_ERR_NOT_READY', 'starting', '5'])
    const early = await send('/link', LINK)
    expect([early.status, early.json.code, early.headers['retry-after']]).toEqual([503, 'VEL_ERR_NOT_READY', '5'])
    expect((await send('/entities/Q207')).status).toBe(503)
    expect((await send('/metrics')).text).toContain('vel_ready 0')

    arrive(createFakeLinker())
    await expect.poll(async () => (await send('/health/ready')).status).toBe(200)
    expect((await send('/health/ready')).json).toMatchObject({
      status: 'ready',
      modes: ['v2v'],
      index: { state: 'ready' },
      models: { list: [{ provider: 'cpu' }] }
    })
    expect((await send('/link', LINK)).status).toBe(200)
  })

  it('stays unready if loading fails, without ending the process', async () => {
    const { send } = await buildTestApp({}, Promise.reject(errors.index('a', 'b', 'c')))
    await expect.poll(async () => (await send('/health/ready')).json.detail).toContain('could not be loaded')
  })

  it('is closed with the app, also if it loads afterwards', async () => {
    const early = createFakeLinker()
    const late = createFakeLinker()
    let arrive: (linker: Linker) => void = () => {}
    await (await buildTestApp({}, early)).app.close()
    await (await buildTestApp({}, new Promise(resolve => { arrive = resolve }))).app.close()
    expect(early.closed).toBe(true)
    arrive(late)
    await expect.poll(() => late.closed).toBe(true)
  })
})

describe('errors of the linker', () => {
  it.each([
    ['TypeError', () => new TypeError('secret path /etc/x')],
    ['boot error', () => errors.weights('secret', 'b', 'c')],
    ['a text', () => 'secret']
  ])('%s is 500 without its text, logged once, and the next request works', async (_name, createError) => {
    let failures = 1
    const { send, log } = await buildTestApp({}, createFakeLinker({ before: async () => { if (failures-- > 0) throw createError() } }))
    const { status, json, text } = await send('/link', LINK)
    expect([status, json.code]).toEqual([500, 'VEL_ERR_INTERNAL'])
    expect(text).not.toContain('secret')
    expect(log.filter(line => line.level >= 50)).toMatchObject([{ reqId: json.requestId }])
    expect((await send('/link', LINK)).status).toBe(200)
  })

  it('overload is 503 with the Retry-After of the error', async () => {
    const before = async (): Promise<void> => { throw errors.overloaded('fewer than 32 images in flight', 3) }
    const { send, log } = await buildTestApp({}, createFakeLinker({ before }))
    const { status, json, headers } = await send('/link', LINK)
    expect([status, json.code, headers['retry-after']]).toEqual([503, 'VEL_ERR_OVERLOADED', '3'])
    await expect.poll(() => log.filter(line => line.reqId === json.requestId)).toMatchObject([
      { level: 30, status: 503, code: 'VEL_ERR_OVERLOADED' }
    ])
  })

  it('a disk that takes no change is 503 with Retry-After 60', async () => {
    const { send } = await buildTestApp({}, createFakeLinker({ before: async () => { throw errors.notWritten('ENOSPC') } }))
    const { status, json, headers } = await send('/link', LINK)
    expect([status, json.code, headers['retry-after']]).toEqual([503, 'VEL_ERR_NOT_WRITTEN', '60'])
    expect(json.detail).toContain('nothing was changed (ENOSPC); try again in 60 s')
  })

  it('a worker that died is 503', async () => {
    const { send } = await buildTestApp({}, createFakeLinker({ before: async () => { throw errors.workerDied('SIGSEGV') } }))
    const { status, headers } = await send('/link', LINK)
    expect([status, headers['retry-after']]).toEqual([503, '1'])
  })
})

describe('keys and limits', () => {
  it('lets only keys with scope link pass; probes stay open', async () => {
    const { send, log } = await buildTestApp({ API_KEYS: `desk:${SECRET},kb:${SECRET}2:kb:write` })
    const status = async (headers: Record<string, string>): Promise<unknown[]> => {
      const reply = await send('/entities/Q207', { headers })
      return [reply.status, reply.json.code, reply.headers['www-authenticate']]
    }
    expect(await status({})).toEqual([401, 'VEL_ERR_KEY_MISSING', 'Bearer'])
    expect(await status({ 'x-api-key': `${SECRET}x` })).toEqual([401, 'VEL_ERR_KEY_MISSING', 'Bearer'])
    expect(await status({ authorization: `Basic ${SECRET}` })).toEqual([401, 'VEL_ERR_KEY_MISSING', 'Bearer'])
    expect(await status({ 'x-api-key': `${SECRET}2` })).toEqual([403, 'VEL_ERR_KEY_REFUSED', undefined])
    expect(await status({ 'x-api-key': SECRET })).toEqual([200, undefined, undefined])
    expect(await status({ authorization: `bearer ${SECRET}` })).toEqual([200, undefined, undefined])
    expect((await send('/link', LINK)).status).toBe(401)
    expect((await send('/link', { ...LINK, headers: { ...JPEG, 'x-api-key': SECRET } })).status).toBe(200)
    for (const path of ['/health/live', '/health/ready', '/metrics', '/openapi.json']) expect((await send(path)).status).toBe(200)
    await expect.poll(() => log.filter(line => line.key === 'desk').length).toBe(3)
    expect(JSON.stringify(log)).not.toContain(SECRET)
  })

  it('limits each key by itself, and not the probes', async () => {
    const { send } = await buildTestApp({ API_KEYS: `a:${SECRET}1,b:${SECRET}2`, RATE_LIMIT_PER_MINUTE: '2' })
    const status = async (key: string): Promise<number> => (await send('/entities/Q207', { headers: { 'x-api-key': key } })).status
    expect([
      await status(`${SECRET}1`), await status(`${SECRET}1`), await status(`${SECRET}1`), await status(`${SECRET}2`)
    ]).toEqual([200, 200, 429, 200])
    const refused = await send('/entities/Q207', { headers: { 'x-api-key': `${SECRET}1` } })
    expect(refused.json.code).toBe('VEL_ERR_RATE_LIMITED')
    const { 'ratelimit-limit': limit, 'ratelimit-remaining': remaining, 'ratelimit-reset': reset } = refused.headers
    expect([limit, remaining, reset]).toEqual(['2', '0', refused.headers['retry-after']])
    expect(refused.json.detail).toContain(`try again in ${refused.headers['retry-after']} s`)
    // All routes share one budget.
    expect((await send('/entities', { headers: { 'x-api-key': `${SECRET}1` } })).status).toBe(429)
    expect((await send('/link', { ...LINK, headers: { ...JPEG, 'x-api-key': `${SECRET}2` } })).status).toBe(200)
    expect((await send('/entities/Q207', { headers: { 'x-api-key': `${SECRET}2` } })).status).toBe(429)
    for (let i = 0; i < 5; i++) expect((await send('/health/ready')).status).toBe(200)
  })

  it('limits by address without keys, behind a proxy by the forwarded one', async () => {
    const { send } = await buildTestApp({ RATE_LIMIT_PER_MINUTE: '1', TRUST_PROXY: '1' })
    const status = async (address: string): Promise<number> => (await send(
      '/link',
      { ...LINK, headers: { ...JPEG, 'x-forwarded-for': address } }
    )).status
    expect([await status('192.0.2.1'), await status('192.0.2.1'), await status('192.0.2.2')]).toEqual([200, 429, 200])
  })
})

describe('operation', () => {
  it('logs the status of requests that are injected, too', async () => {
    const { app, log } = await buildTestApp()
    expect((await app.inject('/openapi.json')).statusCode).toBe(200)
    await expect.poll(() => log.filter(line => line.route === '/openapi.json')).toMatchObject([{ status: 200 }])
  })

  it('counts requests, stages, mentions and errors', async () => {
    const { send } = await buildTestApp()
    await send('/link', LINK)
    await send('/link', { method: 'POST', headers: JPEG, body: 'words' })
    await expect.poll(async () => (await send('/metrics')).text).toContain('vel_errors_total{code="VEL_ERR_NOT_AN_IMAGE_TYPE"} 1')
    const { text } = await send('/metrics')
    for (const line of [
      'vel_http_requests_total{method="POST",route="/link",status="200"} 1',
      'vel_http_requests_total{method="POST",route="/link",status="415"} 1', 'vel_stage_seconds_count{stage="decode"} 1',
      'vel_mentions_total{status="linked",reason=""} 1', 'vel_queue_depth 0', 'vel_workers_ready 1', 'provider="cpu"} 1',
      'vel_index_entities 1', 'nodejs_eventloop_lag_p99_seconds', 'process_resident_memory_bytes'
    ]) {
      expect(text).toContain(line)
    }
  })

  it('serves its description and a page for it that loads nothing from elsewhere', async () => {
    const { send } = await buildTestApp()
    expect((await send('/openapi.json')).json.openapi).toBe('3.1.0')
    const page = await send('/docs')
    expect(page.headers['content-security-policy']).toMatch(/^default-src 'self';/)
    expect(page.text).not.toMatch(/(src|href)="(https?:)?\/\//)
    expect(page.text).not.toMatch(/<script(?![^>]*src=)[^>]*>/)
  })
})
