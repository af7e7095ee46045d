// A file server that misbehaves on demand, an npm registry with one package, and small packs of their files, on real sockets.
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { create } from 'tar'
import { onTestFinished, vi } from 'vitest'
import { packManifest, type PackManifest, type PackSource } from '../../src/packs/manifest.ts'

export async function temporaryFolder (): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'vel-packs-'))
  onTestFinished(async () => { await rm(folder, { recursive: true, force: true }) })
  return folder
}

export async function listen (listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
export const content = (bytes: number): Buffer => randomBytes(bytes)

/** What a request asked for, and how to answer it. */
export interface FileServer {
  readonly url: string
  readonly requests: Array<{ path: string, range: string | undefined, ifRange: string | undefined }>
}

export interface Behaviour {
  /** Cuts the connection after this many bytes of each answer. */
  cutAfter?: number
  ranges?: boolean
  etag?: string | null
  /** Replaces the answer where it sends anything or returns true. */
  before?: (request: IncomingMessage, response: ServerResponse, count: number) => unknown
  /** The bytes of this answer. */
  bytes?: (count: number) => Buffer
  headers?: Record<string, string>
}

/** Serves one file under every path, by default with ranges and an ETag. */
export async function serveFile (file: Buffer, behaviour: Behaviour = {}): Promise<FileServer> {
  const requests: FileServer['requests'] = []
  const url = await listen((request, response) => {
    const { range, 'if-range': ifRange } = request.headers
    requests.push({ path: request.url!, range, ifRange: ifRange as string | undefined })
    if (behaviour.before?.(request, response, requests.length) === true || response.headersSent) return
    const bytes = behaviour.bytes?.(requests.length) ?? file
    const etag = behaviour.etag === undefined ? `"${sha256(bytes).slice(0, 16)}"` : behaviour.etag
    const asked = behaviour.ranges === false || (ifRange !== undefined && ifRange !== etag) ? null : /^bytes=(\d+)-$/.exec(range ?? '')
    const from = asked === null ? 0 : Number(asked[1])
    if (asked !== null && from >= bytes.length) return response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end()
    const rest = bytes.subarray(from)
    response.writeHead(asked === null ? 200 : 206, {
      'content-length': rest.length,
      ...(asked !== null ? { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {}),
      ...(etag !== null ? { etag } : {}),
      ...behaviour.headers
    })
    if (behaviour.cutAfter === undefined || rest.length <= behaviour.cutAfter) return response.end(rest)
    response.write(rest.subarray(0, behaviour.cutAfter), () => { setTimeout(() => { response.destroy() }, 5) })
  })
  return { url, requests }
}

/** A file of a test pack; sources as in the manifest, so https. */
export interface TestFile { path: string, bytes: Buffer, sources: PackSource[], sha256?: string | null, size?: number | undefined }

/** `https://host.test/…` for a path on a local server that is named as mirror. */
export const source = (path: string): PackSource => ({ url: `https://publisher.test/${path}` })

export function testPack (detector: TestFile, face: TestFile, change: { commercialUse?: boolean } = {}): PackManifest {
  const model = (file: TestFile): object => ({
    name: `model of ${file.path}`,
    files: {
      model: {
        path: file.path,
        sha256: file.sha256 === undefined ? sha256(file.bytes) : file.sha256,
        ...('size' in file ? (file.size === undefined ? {} : { bytes: file.size }) : { bytes: file.bytes.length }),
        sources: file.sources
      }
    },
    licence: 'MIT',
    commercialUse: change.commercialUse ?? true,
    origin: 'a test',
    input: { width: 8, height: 8, channels: 'rgb', mean: 0, std: 1 }
  })
  return packManifest.parse({
    formatVersion: 1,
    name: 'tested',
    description: 'a pack of a test',
    models: {
      detector: { ...model(detector), decoder: 'ultraface', scoreThreshold: 0.5, smallestFacePx: 20 },
      face: { ...model(face), decoder: 'embedding', crop: { kind: 'template', template: 'arcface' }, dims: 8 }
    },
    decision: { threshold: 0.5, measuredOn: 'nothing' }
  })
}

export interface Registry {
  readonly url: string
  readonly integrity: string
  readonly tarballBytes: number
  readonly requests: string[]
  /** The authorization of each request. */
  readonly tokens: Array<string | undefined>
}

/** The registry protocol for one package: its document and its tarball. `served` may answer other bytes than the true tarball. */
export async function serveRegistry (
  files: Readonly<Record<string, Buffer>>,
  options: { served?: (tarball: Buffer) => Buffer, name?: string, refuse?: number } = {}
): Promise<Registry> {
  const name = options.name ?? 'weights'
  const folder = await temporaryFolder()
  for (const [path, bytes] of Object.entries({ 'package.json': Buffer.from(JSON.stringify({ name, version: '1.2.3' })), ...files })) {
    await mkdir(dirname(join(folder, 'package', path)), { recursive: true })
    await writeFile(join(folder, 'package', path), bytes)
  }
  await create({ gzip: true, cwd: folder, file: join(folder, 'package.tgz') }, ['package'])
  const tarball = await readFile(join(folder, 'package.tgz'))
  const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`
  const requests: string[] = []
  const tokens: Registry['tokens'] = []
  const url = await listen((request, response) => {
    requests.push(request.url!)
    tokens.push(request.headers.authorization)
    if (options.refuse !== undefined) return response.writeHead(options.refuse).end('{}')
    if (request.url === `/${name.replace('/', '%2f')}`) {
      const dist = { tarball: `http://${request.headers.host}/${name}/-/${name}-1.2.3.tgz`, integrity }
      return response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ name, 'dist-tags': { latest: '1.2.3' }, versions: { '1.2.3': { name, version: '1.2.3', dist } } }))
    }
    if (request.url?.endsWith('.tgz') === true) {
      return response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(options.served?.(tarball) ?? tarball)
    }
    return response.writeHead(404).end('{}')
  })
  return { url, integrity, tarballBytes: tarball.length, requests, tokens }
}

/** Sets npm to the registry for this test, without retries, with an empty cache. */
export async function setRegistry (registry: string): Promise<void> {
  setNpm({ registry: `${registry}/`, cache: await temporaryFolder(), fetch_retries: '0' })
}

/** Sets npm by `npm_config_*` variables for this test. */
export function setNpm (config: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(config)) vi.stubEnv(`npm_config_${key}`, value)
  onTestFinished(() => { vi.unstubAllEnvs() })
}
