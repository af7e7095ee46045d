import { setTimeout as delay } from 'node:timers/promises'
import { expect, it, describe } from 'vitest'
import { cutImage } from '../../../src/http/upload/cut-image.ts'
import { buildTestApp, type Reply, type TestApp } from '../../helpers/build-index.ts'
import { drawImage } from '../../helpers/images.ts'

const MIB = 2 ** 20
const image = await drawImage()
const base64 = image.toString('base64')

const post = async (app: TestApp, body: string | Buffer): Promise<Reply> =>
  await app.send('/link', { method: 'POST', headers: { 'content-type': 'application/json' }, body })

/** The image and the rest of `text`, as JSON.parse reads them after the cut. */
function cut (text: string): [string | undefined, unknown] {
  const { image, rest } = cutImage(Buffer.from(text), MIB)
  return [image?.toString(), JSON.parse(rest.toString())]
}

describe('the cut', () => {
  it.each([
    ['{"image":"abc","topK":1}', 'abc', { image: '', topK: 1 }],
    ['{ "topK" : 1 ,\n"image" :\t"a\\/b\\n" }', 'a\\/b\\n', { image: '', topK: 1 }],
    ['{"image":"a\\"b\\\\"}', 'a\\"b\\\\', { image: '' }],
    ['{"image":""}', '', { image: '' }],
    ['{"x":"image","y":{"image":"abc"},"z":["image","abc"]}', undefined, { x: 'image', y: { image: 'abc' }, z: ['image', 'abc'] }],
    ['{"x\\"":"\\\\","image":"abc"}', 'abc', { 'x"': '\\', image: '' }],
    ['{"im\\u0061ge":"abc"}', undefined, { image: 'abc' }],
    ['{"image":7}', undefined, { image: 7 }],
    ['{"image":["abc"]}', undefined, { image: ['abc'] }],
    [`{"a":"[[[[${'['.repeat(200)}"}`, undefined, { a: '['.repeat(204) }],
    [`{"a":${'['.repeat(63)}${']'.repeat(63)}}`, undefined, { a: expect.anything() }]
  ])('of %s', (text, image, rest) => { expect(cut(text)).toEqual([image, rest]) })

  it.each([
    ['{"image":"abc","image":"def"}', 'twice'],
    ['{"image":"abc', 'not JSON'],
    ['{"image":"abc\\"', 'not JSON'],
    [`{"a":${'['.repeat(64)}${']'.repeat(64)}}`, '64 levels'],
    ['['.repeat(100), '64 levels']
  ])('refuses %s', (text, why) => { expect(() => cutImage(Buffer.from(text), MIB)).toThrow(why) })
})

describe('POST /link with JSON', () => {
  it('reads the image in each way that JSON writes it', async () => {
    const app = await buildTestApp()
    const { sha256 } = (await post(app, JSON.stringify({ image: base64 }))).json.image
    const lines = base64.replace(/.{76}/g, '$&\r\n')
    for (const text of [base64, lines, `data:image/jpeg;base64,${base64}`, base64.replaceAll('+', '-').replaceAll('/', '_')]) {
      expect((await post(app, JSON.stringify({ topK: 1, image: text }))).json.image.sha256).toBe(sha256)
    }
    for (const text of [base64.replaceAll('/', '\\/'), base64.replace(/[a-z]/g, c => `\\u00${c.charCodeAt(0).toString(16)}`)]) {
      expect((await post(app, `{"image":"${text}"}`)).json.image.sha256).toBe(sha256)
    }
    for (const text of [`${base64}\n`, `\u0000${base64}`, `${base64}\xa0`]) {
      expect((await post(app, Buffer.from(`{"image":"${text}"}`, 'latin1'))).json.code).toBe('VEL_ERR_BAD_JSON')
    }
  })

  const bodies: Record<string, [() => string, string]> = {
    'nesting of 14 million levels': [() => `{"image":"aa","zzz":${'['.repeat(13e6)}${']'.repeat(13e6)}}`, 'VEL_ERR_BAD_JSON'],
    'nine million objects': [() => `{"image":"aa","zzz":[${'{},'.repeat(9e6)}1]}`, 'VEL_ERR_BAD_JSON'],
    '27 MB of blanks': [() => `{"image":"aa"${' '.repeat(27e6)}}`, 'VEL_ERR_BAD_JSON'],
    '27 MB of quotes': [() => `{"image":${'"'.repeat(27e6)}}`, 'VEL_ERR_BAD_JSON'],
    '27 MB of escaped quotes': [() => `{"image":"${'\\"'.repeat(13.5e6)}"}`, 'VEL_ERR_BAD_JSON'],
    '27 MB of backslashes': [() => `{"image":"${'\\\\'.repeat(13.5e6)}"}`, 'VEL_ERR_BAD_JSON'],
    'a mebibyte of objects': [() => `{"image":"aa","topK":[${'{},'.repeat(340_000)}1]}`, 'VEL_ERR_BAD_OPTION'],
    '27 MB of escaped base64': [() => `{"image":"${'\\u0061\\/'.repeat(3.3e6)}"}`, 'VEL_ERR_NOT_AN_IMAGE_TYPE'],
    '27 MB of base64': [() => `{"image":"${'abcd'.repeat(6.7e6)}"}`, 'VEL_ERR_NOT_AN_IMAGE_TYPE']
  }
  it.each(Object.keys(bodies))('B1: health answers within 250 ms while %s is sent', async name => {
    const [make, code] = bodies[name]!
    const app = await buildTestApp({ MAX_IMAGE_BYTES: '20971520' })
    const body = Buffer.from(make())
    const sending = new AbortController()
    const reply = post(app, body).finally(() => { sending.abort() })
    let longest = 0
    while (!sending.signal.aborted) {
      const before = performance.now()
      expect((await fetch(`${app.origin}/health/live`)).status).toBe(200)
      longest = Math.max(longest, performance.now() - before)
      await delay(5)
    }
    expect((await reply).json.code).toBe(code)
    expect(longest).toBeLessThan(250)
  })
})
