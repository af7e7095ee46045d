// Packs from the npm registry: a registry on a real socket, and the npm program that fetches from it.
import { existsSync } from 'node:fs'
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { ensurePack, fetchPack, type FetchReport } from '../../../src/packs/download/fetch.ts'
import type { PackManifest } from '../../../src/packs/manifest.ts'
import { verifyPack } from '../../../src/packs/verify.ts'
import {
  content, listen, serveRegistry, setNpm, setRegistry, sha256, source, temporaryFolder, testPack, type Registry
} from '../../helpers/pack-server.ts'

const detector = content(300_000)
const face = content(700_000)
const files = { 'model/d.onnx': detector, 'model/f.onnx': face, 'model/other.onnx': content(100_000) }

interface PackChange { integrity?: string, npm?: string, file?: string, commercialUse?: boolean, more?: boolean }

function packOf (registry: Registry, change: PackChange = {}): PackManifest {
  const from = (file: string): Parameters<typeof testPack>[0]['sources'] => [
    { npm: change.npm ?? 'weights@1.2.3', integrity: change.integrity ?? registry.integrity, bytes: registry.tarballBytes, file },
    ...(change.more === true ? [source(file.slice(-6))] : [])
  ]
  return testPack(
    { path: 'd.onnx', bytes: detector, sources: from(change.file ?? 'package/model/d.onnx') },
    { path: 'sub/f.onnx', bytes: face, sources: from('package/model/f.onnx') },
    change
  )
}

async function fetchFrom (registry: Registry, pack: PackManifest, dir: string): Promise<FetchReport> {
  await setRegistry(registry.url)
  return await fetchPack(pack, dir)
}

describe('files of an npm package', () => {
  it('arrive by one download of the tarball, and nothing else of it is kept', async () => {
    const registry = await serveRegistry(files)
    const dir = await temporaryFolder()
    const progress: Array<[number, number]> = []
    const pack = packOf(registry)
    await setRegistry(registry.url)
    const report = await fetchPack(pack, dir, { onProgress: (done, total) => { progress.push([done, total]) } })
    expect(report).toEqual({ fetched: ['d.onnx', 'sub/f.onnx'], alreadyThere: [] })
    expect(sha256(await readFile(join(dir, 'd.onnx')))).toBe(sha256(detector))
    expect(sha256(await readFile(join(dir, 'sub/f.onnx')))).toBe(sha256(face))
    expect(registry.requests.filter(path => path.endsWith('.tgz'))).toEqual(['/weights/-/weights-1.2.3.tgz'])
    expect(progress[0]).toEqual([0, registry.tarballBytes])
    expect(progress.at(-1)).toEqual([registry.tarballBytes, registry.tarballBytes])
    expect((await readdir(dir, { recursive: true })).sort()).toEqual(['d.onnx', 'sub', 'sub/f.onnx'])
    const before = registry.requests.length
    await fetchFrom(registry, pack, dir)
    expect(registry.requests.length).toBe(before)
  })

  it('are extracted only where missing or damaged', async () => {
    const registry = await serveRegistry(files)
    const dir = await temporaryFolder()
    await writeFile(join(dir, 'd.onnx'), detector)
    await mkdir(join(dir, 'sub'))
    await writeFile(join(dir, 'sub/f.onnx'), detector)
    expect(await fetchFrom(registry, packOf(registry), dir)).toEqual({ fetched: ['sub/f.onnx'], alreadyThere: ['d.onnx'] })
    expect(sha256(await readFile(join(dir, 'sub/f.onnx')))).toBe(sha256(face))
  })

  it.each([
    ['one flipped byte', (tarball: Buffer) => Buffer.from(tarball).fill(tarball[500_000]! ^ 1, 500_000, 500_001)],
    ['half of it', (tarball: Buffer) => tarball.subarray(0, tarball.length / 2)],
    ['no tarball at all', () => Buffer.from('<html>log in</html>')]
  ])('are refused from a broken tarball: %s', async (_name, served) => {
    const registry = await serveRegistry(files, { served })
    const dir = await temporaryFolder()
    const old = content(10)
    await writeFile(join(dir, 'd.onnx'), old)
    await expect(fetchFrom(registry, packOf(registry), dir))
      .rejects.toThrow(/from the npm registry 127.0.0.1:\d+ with integrity sha512-.*, received another or a broken tarball/)
    expect(sha256(await readFile(join(dir, 'd.onnx')))).toBe(sha256(old))
    expect((await readdir(dir, { recursive: true })).sort()).toEqual(['d.onnx', 'sub'])
  })

  it('are refused where the registry has another tarball than the manifest pins', async () => {
    const registry = await serveRegistry(files)
    const other = await serveRegistry({ 'model/d.onnx': face })
    await expect(fetchFrom(registry, packOf(registry, { integrity: other.integrity }), await temporaryFolder()))
      .rejects.toThrow(/another or a broken tarball/)
  })

  it('are refused where the package lacks the name or has another size', async () => {
    const registry = await serveRegistry(files)
    await expect(fetchFrom(registry, packOf(registry, { file: 'package/model/gone.onnx' }), await temporaryFolder()))
      .rejects.toThrow(/expected package\/model\/gone.onnx in weights@1.2.3, received a package without it; correct `file` in the manifest/)
    await expect(fetchFrom(registry, packOf(registry, { file: 'package/model/other.onnx' }), await temporaryFolder()))
      .rejects.toThrow(/expected package\/model\/other.onnx of 300000 bytes, received 100000 bytes; correct the manifest/)
    await expect(fetchFrom(registry, packOf(registry, { file: 'package/model' }), await temporaryFolder()))
      .rejects.toThrow(/a package without it/)
  })

  it('fail with distinct errors: no package, no version, no permission, no registry', async () => {
    const registry = await serveRegistry(files)
    const dir = await temporaryFolder()
    await expect(fetchFrom(registry, packOf(registry, { npm: 'unknown@1.2.3' }), dir))
      .rejects.toThrow(/unknown@1.2.3 .*a registry without it; choose one/)
    await expect(fetchFrom(registry, packOf(registry, { npm: 'weights@9.9.9' }), dir))
      .rejects.toThrow(/weights@9.9.9 .*a registry without it/)
    await expect(fetchFrom(await serveRegistry(files, { refuse: 403 }), packOf(registry), dir))
      .rejects.toThrow(/a refusal \(403\); `npm login`/)
    await expect(fetchFrom({ ...registry, url: 'http://127.0.0.1:1' }, packOf(registry), dir))
      .rejects.toThrow(/no connection to 127.0.0.1:1 .*check `npm ping`/)
    expect(await readdir(dir, { recursive: true })).toEqual(['sub'])
  })

  it('come from the next source where the registry fails', async () => {
    const registry = await serveRegistry(files)
    const mirror = await listen((request, response) => { response.end(request.url === '/d.onnx' ? detector : face) })
    const dir = await temporaryFolder()
    const pack = packOf(registry, { npm: 'unknown@1.2.3', more: true })
    const progress: Array<[number, number]> = []
    await setRegistry(registry.url)
    await fetchPack(pack, dir, { mirror, onProgress: (done, total) => { progress.push([done, total]) } })
    expect(progress.at(-1)).toEqual([1_000_000, 1_000_000])
    expect((await verifyPack(pack, dir)).map(part => part.state)).toEqual(['present', 'present'])
  })

  it('stop with the npm program when the fetch is aborted', async () => {
    const stop = new AbortController()
    const registry = await serveRegistry(files, { served: tarball => { stop.abort(); return tarball } })
    const dir = await temporaryFolder()
    await setRegistry(registry.url)
    await expect(fetchPack(packOf(registry), dir, { signal: stop.signal }))
      .rejects.toThrow(/received a stop; run `vel models fetch tested` again/)
    expect(await readdir(dir, { recursive: true })).toEqual(['sub'])
  })

  it('need room for the tarball, too', async () => {
    const registry = await serveRegistry(files)
    const dir = await temporaryFolder()
    await setRegistry(registry.url)
    const needed = 1_000_000 + registry.tarballBytes
    await expect(fetchPack(packOf(registry), dir, { freeBytes: async () => needed - 1 })).rejects.toThrow(/expected 2.1 MB free in/)
    expect(registry.requests).toEqual([])
    await fetchPack(packOf(registry), dir, { freeBytes: async () => needed })
  })
})

describe('the npm program', () => {
  const scoped = async (config: (home: string, registry: Registry) => Promise<Record<string, string>>): Promise<Registry> => {
    const registry = await serveRegistry(files, { name: '@firm/weights' })
    const home = await temporaryFolder()
    setNpm({ userconfig: join(home, '.npmrc'), cache: join(home, 'cache'), fetch_retries: '0', ...await config(home, registry) })
    await fetchPack(packOf(registry, { npm: '@firm/weights@1.2.3' }), join(home, 'models'))
    expect(sha256(await readFile(join(home, 'models/d.onnx')))).toBe(sha256(detector))
    return registry
  }

  it('fetches a scoped package from the registry of its scope in .npmrc, with the token of its environment', async () => {
    const { requests, tokens } = await scoped(async (home, { url }) => {
      vi.stubEnv('VEL_TEST_TOKEN', 'from-env')
      const token = `${url.slice('http:'.length)}/:_authToken=$` + '{VEL_TEST_TOKEN}'
      await writeFile(join(home, '.npmrc'), ['registry=http://127.0.0.1:1/', `@firm:registry=${url}/`, token].join('\n'))
      return {}
    })
    expect(requests[0]).toBe('/@firm%2fweights')
    expect(new Set(tokens)).toEqual(new Set(['Bearer from-env']))
  })

  it('does without its cache where that cannot be written', async () => {
    await scoped(async (home, { url }) => {
      await writeFile(join(home, 'file'), '')
      return { registry: `${url}/`, cache: join(home, 'file', 'cache') }
    })
  })

  it('is reported in one sentence where it is missing', async () => {
    const registry = await serveRegistry(files)
    const dir = await temporaryFolder()
    vi.stubEnv('PATH', dir)
    await expect(fetchFrom(registry, packOf(registry), dir))
      .rejects.toThrow(/expected the program npm to fetch weights@1.2.3, received none .*\(ENOENT\); install npm/)
  })
})

describe('ensurePack', () => {
  it('fetches what is missing of a free pack from the registry, once', async () => {
    const registry = await serveRegistry(files)
    const dir = await temporaryFolder()
    await setRegistry(registry.url)
    const parts = await ensurePack(packOf(registry), dir)
    expect(parts.map(part => [part.role, part.sha256])).toEqual([['detector', sha256(detector)], ['face', sha256(face)]])
    const before = registry.requests.length
    await ensurePack(packOf(registry), dir)
    expect(registry.requests.length).toBe(before)
  })

  it('leaves damaged files, licences and other sources to a person, and names the command', async () => {
    const registry = await serveRegistry(files)
    const dir = await temporaryFolder()
    await writeFile(join(dir, 'd.onnx'), face)
    await setRegistry(registry.url)
    await expect(ensurePack(packOf(registry), dir))
      .rejects.toThrow('d.onnx (detector): 700000 bytes instead of 300000\n  sub/f.onnx (face): missing\n' +
        'Run `vel models fetch tested`, which replaces damaged files.')
    const empty = await temporaryFolder()
    await expect(ensurePack(packOf(registry, { commercialUse: false }), empty)).rejects.toThrow(/Run `vel models fetch tested`\./)
    const overHttps = testPack(
      { path: 'd.onnx', bytes: detector, sources: [source('d')] },
      { path: 'f.onnx', bytes: face, sources: [source('f')] }
    )
    await expect(ensurePack(overHttps, empty)).rejects.toThrow(/Run `vel models fetch tested`\./)
    expect(registry.requests).toEqual([])
    expect(existsSync(join(empty, 'd.onnx'))).toBe(false)
  })
})
