import { expect, test } from 'vitest'
import { sha256 } from '../../src/files.ts'
import { buildTestApp, type TestApp } from '../helpers/build-index.ts'
import { createLiveLinker, photo } from '../helpers/live-linker.ts'
import { openSmall, writeSmallIndex } from '../helpers/open-live-index.ts'

const SECRET = 'a-secret-of-the-newsroom'
const NAME = 'Zacharias Zenith'

type Ask = (method: 'GET' | 'PUT' | 'POST' | 'DELETE', path: string, body?: Buffer | object, key?: string) => Promise<number>

interface Audited {
  readonly ask: Ask
  /** The audit lines, once there are so many. */
  readonly lines: (count: number) => Promise<TestApp['log']>
  readonly log: TestApp['log']
}

async function start (env: Record<string, string>): Promise<Audited> {
  const linker = createLiveLinker(await openSmall(await writeSmallIndex()))
  const app = await buildTestApp({ API_KEYS: `desk:${SECRET}:link+kb:write`, ...env }, linker)
  const audited = (): TestApp['log'] => app.log.filter(line => line.audit === true)
  return {
    log: app.log,
    ask: async (method, path, body, key = SECRET) => {
      const type = Buffer.isBuffer(body) ? 'image/jpeg' : 'application/json'
      const reply = await app.send(path, {
        method,
        headers: { 'x-request-id': 'of-the-caller', 'x-api-key': key, ...(body === undefined ? {} : { 'content-type': type }) },
        ...(body === undefined ? {} : { body: Buffer.isBuffer(body) ? body : JSON.stringify(body) })
      })
      return reply.status
    },
    lines: async count => {
      await expect.poll(audited).toHaveLength(count)
      return audited()
    }
  }
}

test.each(['info', 'silent'])('with AUDIT_LOG=on a linked photo has one line, also at level %s', async level => {
  const { ask, lines } = await start({ AUDIT_LOG: 'on', LOG_LEVEL: level })
  const image = photo({ vector: 0 }, { vector: 30, left: 200 })
  expect(await ask('POST', '/link', image)).toBe(200)
  const [line] = await lines(1)
  expect(line).toMatchObject({
    audit: true,
    action: 'link',
    reqId: 'of-the-caller',
    key: 'desk',
    status: 200,
    imageSha256: sha256(image),
    indexVersion: expect.stringMatching(/^[0-9a-f]{12}$/) as string,
    decisions: [{ status: 'linked', entity: 'Q1' }, { status: 'nil', entity: null }]
  })
  expect(Object.keys(line).sort()).toEqual([
    'action', 'audit', 'decisions', 'hostname', 'imageSha256', 'indexVersion', 'key', 'level', 'msg', 'pid', 'reqId', 'status', 'time'
  ])
})

test('requests that fail are audited with their status and code', async () => {
  const { ask, lines } = await start({ AUDIT_LOG: 'on' })
  expect(await ask('POST', '/link', photo({ vector: 0 }), 'another-secret-of-somebody')).toBe(401)
  expect(await ask('POST', '/link', Buffer.from('no photo'))).toBe(422)
  expect(await ask('PUT', '/entities/Q1', { nam: NAME })).toBe(400)
  expect(await ask('DELETE', '/entities/Q77')).toBe(404)
  const [unknown, broken, bad, absent] = await lines(4)
  expect(unknown).toMatchObject({ action: 'link', status: 401, code: 'VEL_ERR_KEY_MISSING' })
  expect(unknown).not.toHaveProperty('key')
  expect(broken).toMatchObject({ action: 'link', status: 422, imageSha256: sha256('no photo'), key: 'desk' })
  expect(bad).toMatchObject({ action: 'put-entity', status: 400, entity: 'Q1' })
  expect(absent).toMatchObject({ action: 'delete-entity', status: 404, entity: 'Q77' })
})

test('writes are audited by action and id, without names; the blocklist without ids', async () => {
  const { ask, lines, log } = await start({ AUDIT_LOG: 'on' })
  const image = photo({ vector: 30 })
  const id = sha256(image).slice(0, 16)
  await ask('PUT', '/entities/Q900', { name: NAME })
  await ask('POST', '/entities/Q900/images', image)
  await ask('DELETE', `/entities/Q900/images/${id}`)
  await ask('DELETE', '/entities/Q900')
  await ask('POST', '/index/reload')
  await ask('PUT', '/blocklist/Q7654321')
  await ask('GET', '/blocklist')
  await ask('DELETE', '/blocklist/Q7654321')
  // Not audited.
  await ask('GET', '/entities/Q1')
  await ask('GET', '/health/ready')
  const found = (await lines(8)).map(({ action, status, entity, image, imageSha256 }) => [action, status, entity, image ?? imageSha256])
  expect(found).toEqual([
    ['put-entity', 201, 'Q900', undefined],
    ['add-image', 201, 'Q900', sha256(image)],
    ['delete-image', 204, 'Q900', id],
    ['delete-entity', 204, 'Q900', undefined],
    ['reload-index', 200, undefined, undefined],
    ['block', 201, undefined, undefined],
    ['list-blocklist', 200, undefined, undefined],
    ['unblock', 204, undefined, undefined]
  ])
  expect(JSON.stringify(log)).not.toMatch(/7654321|Zenith/)
})

test('a blocked person is not in the audit line of a photo', async () => {
  const { ask, lines } = await start({ AUDIT_LOG: 'on' })
  await ask('PUT', '/blocklist/Q1')
  await ask('POST', '/link', photo({ vector: 0 }))
  expect((await lines(2))[1].decisions).toEqual([{ status: 'nil', entity: null }])
})

test('without AUDIT_LOG there are no such lines, and no ids in the log', async () => {
  const { ask, log } = await start({})
  await ask('POST', '/link', photo({ vector: 0 }))
  await ask('DELETE', '/entities/Q1')
  await expect.poll(() => log.filter(line => line.msg === 'request')).toHaveLength(2)
  expect(JSON.stringify(log)).not.toMatch(/audit|Q1\b/)
})
