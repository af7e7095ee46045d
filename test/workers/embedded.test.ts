// The engine with real models in real processes.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { EncodedImage } from '../../src/types.ts'
import type { Log } from '../../src/log.ts'
import { createEngine, type Engine } from '../../src/workers/engine.ts'
import { openSession } from '../../src/runtime/session.ts'
import type { Session } from '../../src/runtime/types.ts'
import { loadModels } from '../../src/models/load.ts'
import { encodeImage } from '../../src/encode/encode-image.ts'
import { dot } from '../../src/math/vector.ts'
import { embeddedOptions, encodingSettings, hasEmbedded, isAlive, modelsDir, noiseJpeg, until } from '../helpers/engine.ts'

const BOXES = [{ x1: 40, y1: 30, x2: 140, y2: 150 }, { x1: 160, y1: 60, x2: 260, y2: 180 }]

describe.skipIf(!hasEmbedded)('one engine with the embedded pack', () => {
  let engine: Engine
  beforeAll(async () => { engine = await createEngine({ ...await embeddedOptions(), workers: 2, maxQueue: 16 }) })
  afterAll(async () => { await engine.close() })

  it('reports its models and the provider that runs them', () => {
    expect(engine.models.map(m => [m.role, m.provider])).toEqual([['detector', 'cpu'], ['landmarks', 'cpu'], ['face', 'cpu']])
    expect(engine.stats()).toMatchObject({ workers: 2, busy: 0, queued: 0, restarts: 0 })
  })

  it('returns the same as encodeImage in this process', async () => {
    const { pack } = await embeddedOptions()
    const open = async (graph: Uint8Array | string): Promise<Session> => await openSession(graph, { providers: ['cpu'], threads: 1 })
    const { models, close } = await loadModels(pack, modelsDir, open, encodingSettings)
    const bytes = await noiseJpeg()
    const here = await encodeImage(bytes, { boxes: BOXES }, models, encodingSettings)
    const there = await engine.encode(bytes, { boxes: BOXES })
    await close()
    expect({ ...there, timings: {}, mentions: [] }).toEqual({ ...here, timings: {}, mentions: [] })
    expect(there.mentions).toHaveLength(2)
    there.mentions.forEach((mention, i) => {
      expect(mention.face).toBeInstanceOf(Float32Array)
      expect(dot(mention.face, here.mentions[i]!.face)).toBeGreaterThan(0.9999)
      expect({ ...mention, face: 0 }).toEqual({ ...here.mentions[i]!, face: 0 })
    })
  })

  it('takes a view into a larger buffer, and bytes that are no Buffer', async () => {
    const jpeg = await noiseJpeg()
    const padded = new Uint8Array(jpeg.length + 64).fill(1)
    padded.set(jpeg, 32)
    expect(await engine.encode(padded.subarray(32, 32 + jpeg.length))).toMatchObject({ width: 320, height: 240 })
  })

  it.each([
    ['text', Buffer.from('no image'), 'VEL_ERR_NOT_AN_IMAGE_TYPE', 415],
    ['nothing', Buffer.alloc(0), 'VEL_ERR_', undefined]
  ])('passes on the error of decoding %s', async (_name, bytes, code, statusCode) => {
    const error: unknown = await engine.encode(bytes).catch((e: unknown) => e)
    expect(error).toMatchObject({ code: expect.stringContaining(code), ...(statusCode === undefined ? {} : { statusCode }) })
  })

  it('rejects a truncated picture with 422', async () => {
    const jpeg = await noiseJpeg()
    await expect(engine.encode(jpeg.subarray(0, jpeg.length >> 1))).rejects.toMatchObject({ code: 'VEL_ERR_UNDECODABLE', statusCode: 422 })
  })

  it('loses only the image of a killed worker and replaces the worker', async () => {
    const { restarts, pids } = engine.stats()
    const bytes = await noiseJpeg(1200, 900)
    const images = [1, 2, 3, 4].map(async () => await engine.encode(bytes).then(() => 'encoded', (error: { code: string }) => error.code))
    process.kill(pids[0]!, 'SIGKILL')
    expect((await Promise.all(images)).sort()).toEqual(['VEL_ERR_WORKER_DIED', 'encoded', 'encoded', 'encoded'])
    // Two seconds is what the built service takes on a quiet machine; here the worker's program is compiled first.
    await until(() => engine.stats().workers === 2 && engine.stats().restarts === restarts + 1, 'two workers again')
    expect(await engine.encode(await noiseJpeg())).toMatchObject({ width: 320 })
  })
})

describe.skipIf(!hasEmbedded)('a worker that has several images at a time', () => {
  it('returns the same mentions for each as alone', async () => {
    const options = await embeddedOptions()
    const photos = await Promise.all([320, 330, 340].map(async width => await noiseJpeg(width)))
    const boxes = photos.map((_, i) => BOXES.slice(0, 1 + i % 2))
    const alone = await createEngine(options)
    const one: EncodedImage[] = []
    for (const [i, photo] of photos.entries()) one.push(await alone.encode(photo, { boxes: boxes[i]! }))
    await alone.close()
    const together = await createEngine({ ...options, concurrencyPerWorker: 4 })
    const many = await Promise.all(photos.map(async (photo, i) => await together.encode(photo, { boxes: boxes[i]! })))
    await together.close()
    many.forEach((image, i) => {
      expect(image.mentions).toHaveLength(boxes[i]!.length)
      image.mentions.forEach((mention, n) => { expect(dot(mention.face, one[i]!.mentions[n]!.face)).toBeGreaterThanOrEqual(0.9999) })
    })
  })
})

describe.skipIf(!hasEmbedded)('starting with the embedded pack', () => {
  const made: string[] = []
  afterEach(async () => { for (const dir of made.splice(0)) await rm(dir, { recursive: true }) })

  async function folderWith (change: (path: string) => Promise<void>): Promise<string> {
    const dir = await mkdtemp(join(tmpdir(), 'vel-models-'))
    made.push(dir)
    await mkdir(join(dir, 'embedded'))
    for (const name of ['fr_detect.onnx', 'fr_landmark.onnx', 'fr_feature.onnx']) {
      await copyFile(join(modelsDir, 'embedded', name), join(dir, 'embedded', name))
    }
    await change(join(dir, 'embedded', 'fr_feature.onnx'))
    return dir
  }

  it.each([
    ['cut off', async (path: string) => { await writeFile(path, (await readFile(path)).subarray(0, 100_000)) }],
    ['no graph', async (path: string) => { await writeFile(path, 'not a graph') }],
    ['missing', async (path: string) => { await rm(path) }]
  ])('fails with one clear sentence where weights are %s', async (_name, change) => {
    const options = { ...await embeddedOptions(), modelsDir: await folderWith(change) }
    const sentence = /^Model pack embedded: expected .* in embedded\/fr_feature\.onnx, received .*vel models fetch embedded`$/
    await expect(createEngine(options)).rejects.toMatchObject({ code: 'VEL_ERR_WEIGHTS', message: expect.stringMatching(sentence) })
  })

  it.each([
    ['others', async (path: string) => { await copyFile(path.replace('feature', 'landmark'), path) }, /received others \(\w{64}\); fetch/],
    ['nothing', async (path: string) => { await rm(path) }, /received ENOENT/]
  ])('G10: a worker refuses weights that were replaced by %s while it served, and the others go on', async (_name, replace, sentence) => {
    const lines: string[] = []
    const log: Log = { info: () => {}, warn: (fields: { reason?: string }) => { lines.push(fields.reason ?? '') } }
    let feature = ''
    const dir = await folderWith(async path => { feature = path })
    const engine = await createEngine({ ...await embeddedOptions(), modelsDir: dir, workers: 2, log })
    const { models } = engine
    await replace(feature)
    process.kill(engine.stats().pids[0]!, 'SIGKILL')
    await until(() => engine.stats().restarts >= 2, 'a refused start')
    expect(lines.some(line => /^it could not start: Model pack embedded: expected /.test(line) && sentence.test(line))).toBe(true)
    expect(engine.stats()).toMatchObject({ workers: 1 })
    expect(engine.models).toEqual(models)
    expect(await engine.encode(await noiseJpeg())).toMatchObject({ width: 320 })
    await rm(feature, { force: true })
    await copyFile(join(modelsDir, 'embedded', 'fr_feature.onnx'), feature)
    await until(() => engine.stats().workers === 2, 'two workers again')
    await engine.close()
  })

  it('rejects cuda where it is not available, with the remedy', async () => {
    const options = { ...await embeddedOptions(), providers: ['cuda'] }
    const error: unknown = await createEngine(options).then(async engine => { await engine.close() }, (e: unknown) => e)
    if (error === undefined) return console.warn('SKIPPED: this machine has CUDA')
    expect(error).toMatchObject({ code: 'VEL_ERR_PROVIDER', message: expect.stringContaining('npm run cuda:install') })
  })

  it('falls back from cuda to cpu with one warning, and says cpu', async () => {
    const warnings: string[] = []
    const log: Log = { info: () => {}, warn: (_fields: unknown, message?: string) => { warnings.push(message!) } }
    const engine = await createEngine({ ...await embeddedOptions(), workers: 2, providers: ['cuda', 'cpu'], log })
    const providers = engine.models.map(m => m.provider)
    await engine.close()
    if (providers[0] !== 'cpu') return console.warn('SKIPPED: this machine has CUDA')
    expect(providers).toEqual(['cpu', 'cpu', 'cpu'])
    // The library in the workers writes lines too.
    const own = warnings.filter(sentence => sentence !== 'a worker wrote')
    expect(own).toEqual([expect.stringMatching(/cuda.*cannot be had.*Going on with cpu$/)])
  })

  it('leaves no worker behind when the service itself is killed', async () => {
    const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
    const program = fileURLToPath(new URL('./fixtures/parent.ts', import.meta.url))
    const parent = spawn(process.execPath, ['--import', tsx, program], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = await once(parent.stdout, 'data') as [Buffer]
    const pids = JSON.parse(line.toString()) as number[]
    expect(pids.filter(isAlive)).toHaveLength(2)
    parent.kill('SIGKILL')
    await until(() => pids.filter(isAlive).length === 0, 'the workers to end')
  })
})
