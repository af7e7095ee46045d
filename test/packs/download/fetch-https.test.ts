// Packs over https: servers that redirect, cut off, corrupt, stall, lack ranges, refuse or change the content.
import { existsSync } from 'node:fs'
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fetchPack } from '../../../src/packs/download/fetch.ts'
import type { FetchOptions } from '../../../src/packs/download/download.ts'
import type { PackManifest } from '../../../src/packs/manifest.ts'
import { writeError } from '../../../src/packs/download/errors.ts'
import { verifyPack } from '../../../src/packs/verify.ts'
import {
  content, listen, serveFile, sha256, source, temporaryFolder, testPack, type Behaviour, type FileServer, type TestFile
} from '../../helpers/pack-server.ts'

const MB = 2 ** 20
const small = content(5000)

interface Scene {
  server: FileServer
  dir: string
  file: Buffer
  pack: PackManifest
  path: string
  fetch: (more?: Partial<FetchOptions>) => ReturnType<typeof fetchPack>
}

/** A pack whose encoder is served by the server under test; its detector is there already. */
async function scene (behaviour: Behaviour & { size?: number, pinned?: boolean, statedBytes?: boolean } = {}): Promise<Scene> {
  const file = content(behaviour.size ?? 300_000)
  const server = await serveFile(file, behaviour)
  const dir = await temporaryFolder()
  await mkdir(join(dir, 'a'))
  await writeFile(join(dir, 'a', 'detector.onnx'), small)
  const face: TestFile = { path: 'b/face.onnx', bytes: file, sources: [source('some/face.onnx')] }
  if (behaviour.pinned === false) face.sha256 = null
  if (behaviour.statedBytes === false) face.size = undefined
  const pack = testPack({ path: 'a/detector.onnx', bytes: small, sources: [] }, face)
  const options: FetchOptions = { mirror: server.url, backoffMs: 1, retries: 2, stallMs: 1000 }
  const fetch: Scene['fetch'] = async more => await fetchPack(pack, dir, { ...options, ...more })
  return { server, dir, file, pack, path: join(dir, 'b', 'face.onnx'), fetch }
}

const filesIn = async (dir: string): Promise<string[]> => (await readdir(join(dir, 'b'))).sort()

describe('a file over https', () => {
  it('arrives, is verified, and is not fetched again', async () => {
    const { server, dir, file, pack, path, fetch } = await scene()
    expect(await fetch()).toEqual({ fetched: ['b/face.onnx'], alreadyThere: ['a/detector.onnx'] })
    expect(sha256(await readFile(path))).toBe(sha256(file))
    expect((await verifyPack(pack, dir)).map(part => part.sha256)).toEqual([sha256(small), sha256(file)])
    expect(await fetch()).toEqual({ fetched: [], alreadyThere: ['a/detector.onnx', 'b/face.onnx'] })
    expect(server.requests.map(r => r.path)).toEqual(['/some/face.onnx'])
    expect(await filesIn(dir)).toEqual(['face.onnx'])
  })

  it('arrives complete from a server that cuts every connection after 1 MB', async () => {
    const { server, file, path, fetch } = await scene({ size: 5 * MB + 17, cutAfter: MB })
    const seen: number[] = []
    await fetch({ onProgress: (done, total) => { seen.push(done / total) } })
    expect(sha256(await readFile(path))).toBe(sha256(file))
    expect(server.requests.length).toBeGreaterThanOrEqual(6)
    expect(server.requests.at(-1)?.ifRange).toMatch(/^"/)
    expect(seen.at(-1)).toBe(1)
    expect([...seen].sort((a, b) => a - b)).toEqual(seen)
  })

  it('resumes in a later run where an earlier one was cut', async () => {
    let broken = true
    const { server, dir, file, path, fetch } = await scene({
      size: 3 * MB,
      before: (_request, response, count) => broken && count > 1 && response.writeHead(503).end() !== undefined,
      cutAfter: 2 * MB
    })
    await expect(fetch()).rejects.toThrow(/status 503 in every attempt; try again later/)
    expect(await filesIn(dir)).toEqual(['face.onnx.partial', 'face.onnx.partial.json'])
    broken = false
    const before = server.requests.length
    await fetch()
    expect(sha256(await readFile(path))).toBe(sha256(file))
    const asked = /^bytes=(\d+)-$/.exec(server.requests[before]?.range ?? '')
    expect(Number(asked?.[1])).toBeGreaterThan(MB)
    expect(await filesIn(dir)).toEqual(['face.onnx'])
  })

  it('follows redirects, also to another host, and asks each time from the start of the chain', async () => {
    const target = await serveFile(small)
    const { path, fetch } = await scene({
      before: (request, response) => {
        const [status, location] = request.url === '/moved' ? [307, `${target.url}/blob`] : [302, '/moved']
        return response.writeHead(status as number, { location }).end()
      }
    })
    await expect(fetch()).rejects.toThrow(/5000 bytes instead of 300000/) // the size of what the other host has
    expect(target.requests.map(r => r.path)).toEqual(['/blob'])
    expect(existsSync(path)).toBe(false)
  })

  it('refuses a redirect to plain http elsewhere, an endless one, and one to nowhere', async () => {
    const refuse = async (location: string | undefined): Promise<Scene> => await scene({
      before: (_request, response) => response.writeHead(301, location === undefined ? {} : { location }).end()
    })
    await expect((await refuse('http://weights.test/face.onnx')).fetch())
      .rejects.toThrow(/a redirect to an address that is not https \(http:\/\/weights.test\/face.onnx\)/)
    await expect((await refuse('/again')).fetch()).rejects.toThrow(/more than 10 redirects/)
    await expect((await refuse(undefined)).fetch()).rejects.toThrow(/leads nowhere/)
  })

  it('starts again where the server lacks ranges', async () => {
    const { server, dir, file, path, fetch } = await scene({ ranges: false })
    await mkdir(join(dir, 'b'))
    await writeFile(`${path}.partial`, file.subarray(0, 1000))
    await fetch()
    expect(server.requests[0]?.range).toBe('bytes=1000-')
    expect(sha256(await readFile(path))).toBe(sha256(file))
  })

  it('gives up in one sentence on a server that lacks ranges and cuts', async () => {
    const { server, fetch } = await scene({ size: 2 * MB, ranges: false, cutAfter: MB })
    await expect(fetch())
      .rejects.toThrow(/expected the file at .*face.onnx, received a broken connection to 127.0.0.1:\d+ .*in every attempt; run it again/)
    expect(server.requests.length).toBe(4) // the first brought something new, the two retries did not
  })

  it('gives up on a server that stalls, and resumes when it answers again', async () => {
    const { server, path, file, fetch } = await scene({
      before: (_request, response, count) => {
        if (count !== 1) return false
        response.writeHead(200, { 'content-length': file.length, etag: `"${sha256(file).slice(0, 16)}"` })
        return response.write(file.subarray(0, 100_000))
      }
    })
    await fetch()
    expect(server.requests.map(r => r.range)).toEqual([undefined, 'bytes=100000-'])
    expect(sha256(await readFile(path))).toBe(sha256(file))
    const silent = await scene({ before: () => true })
    await expect(silent.fetch({ retries: 0, stallMs: 100 })).rejects.toThrow(/nothing from 127.0.0.1:\d+ for too long in every attempt/)
  })

  it.each([
    [403, 'access is refused', 1],
    [401, 'access is refused', 1],
    [404, 'the file is not there any more; set MODELS_MIRROR', 1],
    [410, 'the file is not there any more', 1],
    [429, 'in every attempt; try again later', 3],
    [500, 'in every attempt; try again later', 3]
  ])('says what status %i means', async (status, meaning, attempts) => {
    const { server, fetch } = await scene({ before: (_request, response) => response.writeHead(status).end('no') })
    const error: Error = await fetch().then(() => { throw new Error('Expected a refusal') }, (e: Error) => e)
    expect(error).toMatchObject({ code: 'VEL_ERR_FETCH' })
    expect(error.message)
      .toMatch(new RegExp('^Model pack tested: expected the file at http://127.0.0.1:\\d+/some/face.onnx, ' +
        `received status ${status}.*${meaning}`))
    expect(server.requests.length).toBe(attempts)
  })

  it('retries after the pause that the server asks for', async () => {
    const { path, file, fetch } = await scene({
      before: (_request, response, count) => count === 1 && response.writeHead(503, { 'retry-after': '1' }).end()
    })
    await fetch({ retries: 1 })
    expect(sha256(await readFile(path))).toBe(sha256(file))
  })

  it('starts again when the content changes in the middle', async () => {
    const old = content(300_000)
    const { server, path, file, fetch } = await scene({ bytes: count => count === 1 ? old : file, cutAfter: 200_000 })
    await fetch()
    expect(sha256(await readFile(path))).toBe(sha256(file))
    expect(server.requests[1]?.ifRange).toBe(`"${sha256(old).slice(0, 16)}"`)
  })

  it('starts again when a server that ignores If-Range sends the rest of another version', async () => {
    const { path, file, fetch } = await scene({
      before: (request, response, count) => {
        if (count === 1) {
          response.writeHead(200, { 'content-length': file.length, etag: '"old"' })
          return response.write(content(100_000), () => { setTimeout(() => { response.destroy() }, 5) })
        }
        if (request.headers.range === undefined) return false
        return response.writeHead(206, { 'content-range': `bytes 100000-299999/${file.length}`, etag: '"new"' }).end(file.subarray(100_000))
      }
    })
    await fetch()
    expect(sha256(await readFile(path))).toBe(sha256(file))
  })

  it('refuses a file of another size before it comes, such as a login page', async () => {
    const { dir, fetch } = await scene({ bytes: () => Buffer.from('<html>log in</html>'), headers: { 'content-type': 'text/html' } })
    await expect(fetch()).rejects.toThrow(/19 bytes instead of 300000 \(content type text\/html\); a proxy or a mirror may have answered/)
    expect(await filesIn(dir)).toEqual([])
  })

  it('refuses a body longer than it should be, and compressed bytes', async () => {
    const longer = await scene({ before: (_request, response) => response.writeHead(200).end(content(400_000)) })
    await expect(longer.fetch()).rejects.toThrow(/more than its 300000 bytes/)
    const packed = await scene({ headers: { 'content-encoding': 'gzip' } })
    await expect(packed.fetch()).rejects.toThrow(/compressed by gzip/)
  })

  it('resumes where the server promises more than it sends', async () => {
    const { path, file, fetch } = await scene({
      before: (_request, response, count) => {
        if (count !== 1) return false
        response.writeHead(200, { 'content-length': file.length })
        return response.write(file.subarray(0, 150_000), () => { setTimeout(() => { response.destroy() }, 5) })
      }
    })
    await fetch()
    expect(sha256(await readFile(path))).toBe(sha256(file))
  })

  it('removes a partial file that is longer than the server\'s and starts again (416)', async () => {
    const { server, dir, path, file, fetch } = await scene({ statedBytes: false })
    await mkdir(join(dir, 'b'))
    await writeFile(`${path}.partial`, Buffer.concat([file, content(10)]))
    await fetch()
    expect(server.requests.map(r => r.range)).toEqual(['bytes=300010-', undefined])
    expect(sha256(await readFile(path))).toBe(sha256(file))
  })

  it('accepts a complete partial file without a request', async () => {
    const { server, dir, path, file, fetch } = await scene()
    await mkdir(join(dir, 'b'))
    await writeFile(`${path}.partial`, file)
    await fetch()
    expect(server.requests).toEqual([])
    expect(sha256(await readFile(path))).toBe(sha256(file))
  })

  it('refuses one flipped byte; the partial file goes, the old file stays usable', async () => {
    const { dir, path, file, fetch } = await scene({ bytes: () => Buffer.from(file).fill(file[777]! ^ 1, 777, 778) })
    await mkdir(join(dir, 'b'))
    const old = content(1234)
    await writeFile(path, old)
    await expect(fetch())
      .rejects.toThrow(new RegExp(`expected b/face.onnx with sha256 ${sha256(file)}, ` +
        'received sha256 [0-9a-f]{64}; a broken or another file'))
    expect(await filesIn(dir)).toEqual(['face.onnx'])
    expect(sha256(await readFile(path))).toBe(sha256(old))
  })

  it('starts again once where the partial file of an earlier run is damaged', async () => {
    const { server, dir, path, file, fetch } = await scene()
    await mkdir(join(dir, 'b'))
    await writeFile(`${path}.partial`, content(1000))
    await fetch()
    expect(server.requests.map(r => r.range)).toEqual(['bytes=1000-', undefined])
    expect(sha256(await readFile(path))).toBe(sha256(file))
  })
})

describe('a pack over https', () => {
  it('downloads its files in parallel, and replaces none before all have arrived', async () => {
    const [detector, face] = [content(200_000), content(200_000)]
    const open = { now: 0, most: 0 }
    const url = await listen((request, response) => {
      open.now++
      open.most = Math.max(open.most, open.now)
      response.on('close', () => { open.now-- })
      const file = request.url === '/d' ? detector : face
      setTimeout(() => { request.url === '/f' && failing ? response.writeHead(404).end() : response.writeHead(200).end(file) }, 100)
    })
    let failing = true
    const dir = await temporaryFolder()
    const pack = testPack(
      { path: 'd.onnx', bytes: detector, sources: [source('d')] },
      { path: 'f.onnx', bytes: face, sources: [source('f')] }
    )
    const fetch = async (): Promise<unknown> => await fetchPack(pack, dir, { mirror: url, backoffMs: 1, retries: 0 })
    await expect(fetch()).rejects.toThrow(/status 404/)
    expect(open.most).toBe(2)
    expect(existsSync(join(dir, 'd.onnx'))).toBe(false)
    failing = false
    await fetch()
    expect((await verifyPack(pack, dir)).map(part => part.state)).toEqual(['present', 'present'])
  })

  it('tries the next source where one fails', async () => {
    const file = content(10_000)
    const server = await serveFile(file, { before: (request, response) => request.url === '/gone' && response.writeHead(404).end() })
    const dir = await temporaryFolder()
    const pack = testPack(
      { path: 'd.onnx', bytes: file, sources: [source('gone'), source('here')] },
      { path: 'f.onnx', bytes: file, sources: [source('here')] }
    )
    await fetchPack(pack, dir, { mirror: server.url, concurrency: 1 })
    expect(server.requests.map(r => r.path)).toEqual(['/gone', '/here', '/here'])
  })

  it('records the hash that the manifest lacks, and holds to it', async () => {
    const { dir, file, pack, path, fetch } = await scene({ pinned: false, statedBytes: false })
    const notes: string[] = []
    await fetch({ onNote: note => { notes.push(note) } })
    expect(notes).toEqual([`b/face.onnx has sha256 ${sha256(file)}: recorded in hashes.json, since its manifest carries none.`])
    expect(JSON.parse(await readFile(join(dir, 'hashes.json'), 'utf8'))).toEqual({ 'b/face.onnx': { sha256: sha256(file) } })
    await writeFile(path, content(300_000))
    await expect(verifyPack(pack, dir)).rejects.toThrow(new RegExp(`instead of ${sha256(file)}`))
    await fetch()
    expect(sha256(await readFile(path))).toBe(sha256(file))
  })

  it('refuses another version than the recorded one, and says how to accept it', async () => {
    const { dir, pack, fetch } = await scene({ pinned: false })
    await writeFile(join(dir, 'hashes.json'), JSON.stringify({ 'b/face.onnx': { sha256: '0'.repeat(64) } }))
    await expect(fetch()).rejects.toThrow(/to accept the new one, remove its entry from hashes.json/)
    await writeFile(join(dir, 'hashes.json'), '{"b/face.onnx": "?"}')
    await expect(verifyPack(pack, dir)).rejects.toThrow(/a valid hashes.json in MODELS_DIR/)
  })

  it('lets a second fetch wait for the first: one download, both succeed', async () => {
    const { server, fetch } = await scene({ size: 2 * MB, before: () => false })
    const notes: string[] = []
    const [one, two] = await Promise.all([fetch(), fetch({ onNote: note => { notes.push(note) } })])
    expect([one.fetched.length, two.fetched.length].sort()).toEqual([0, 1])
    expect(server.requests.length).toBe(1)
  })

  it('stops when aborted, keeps what has arrived, and leaves no lock', async () => {
    const { dir, fetch, file, path } = await scene({
      before: (_request, response, count) => {
        if (count !== 1) return false
        response.writeHead(200, { 'content-length': file.length })
        return response.write(file.subarray(0, 120_000))
      }
    })
    const stop = new AbortController()
    await expect(fetch({ signal: stop.signal, stallMs: 60_000, onProgress: done => { if (done >= 120_000) stop.abort() } }))
      .rejects.toThrow(/received a stop; run `vel models fetch tested` again/)
    expect((await readdir(dir)).sort()).toEqual(['a', 'b'])
    await fetch()
    expect(sha256(await readFile(path))).toBe(sha256(file))
  })

  it('requires room on the disk first', async () => {
    const { server, fetch } = await scene()
    await expect(fetch({ freeBytes: async () => 299_999 }))
      .rejects.toThrow(/expected 0.3 MB free in .*MODELS_DIR.*, received 0.3 MB; free some/)
    expect(server.requests).toEqual([])
    await fetch({ freeBytes: async () => 300_000 })
  })

  it('names a file that must be put in place by hand', async () => {
    const file = content(100)
    const dir = await temporaryFolder()
    const pack = testPack({ path: 'd.onnx', bytes: file, sources: [] }, { path: 'f.onnx', bytes: small, sources: [] })
    await writeFile(join(dir, 'f.onnx'), small)
    await expect(fetchPack(pack, dir))
      .rejects.toThrow(`No public source is known for d.onnx: put it there by hand as ${join(dir, 'd.onnx')}, sha256 ${sha256(file)}.`)
  })

  it('asks for acceptance where a model is not for commercial use, before any request', async () => {
    const server = await serveFile(small)
    const dir = await temporaryFolder()
    const pack = testPack(
      { path: 'd.onnx', bytes: small, sources: [source('d')] },
      { path: 'f.onnx', bytes: small, sources: [source('f')] },
      { commercialUse: false }
    )
    await expect(fetchPack(pack, dir, { mirror: server.url })).rejects.toThrow(/acceptance of .*`vel models fetch tested --accept-licence`/)
    expect(server.requests).toEqual([])
    await fetchPack(pack, dir, { mirror: server.url, acceptLicence: true })
    expect(sha256(await readFile(join(dir, 'd.onnx')))).toBe(sha256(small))
  })

  it('refuses a folder that cannot be one, and a mirror that is not https', async () => {
    const { dir, pack, fetch } = await scene()
    await expect(fetchPack(pack, join(dir, 'a', 'detector.onnx')))
      .rejects.toThrow(/a file where a folder should be \(.*\); choose a path whose parents are folders; MODELS_DIR chooses the folder/)
    await expect(fetch({ mirror: 'http://mirror.test' }))
      .rejects.toThrow(/MODELS_MIRROR: expected an https URL, received "http:\/\/mirror.test"/)
    await expect(fetch({ mirror: 'https://me:secret@mirror.test' })).rejects.toThrow(/without user name, password or query/)
    await expect(fetch({ mirror: 'mirror' })).rejects.toThrow(/MODELS_MIRROR/)
  })

  it.each([
    ['EROFS', 'a read-only file system'],
    ['EACCES', 'no permission to write there'],
    ['ENOSPC', 'a full disk'],
    ['EDQUOT', 'a full quota']
  ])('says what %s means', (code, meaning) => {
    expect(writeError('tested', '/models', Object.assign(new Error(code), { code }))?.message)
      .toContain(`expected to write /models, received ${meaning}`)
    expect(writeError('tested', '/models', Object.assign(new Error('cut'), { code: 'ECONNRESET' }))).toBeNull()
  })

  it('names a host without an address', async () => {
    const { fetch } = await scene()
    await expect(fetch({ mirror: 'https://weights.invalid', retries: 0 })).rejects.toThrow(/no (address for|connection to) weights.invalid/)
  })
})
