// Measures an index of a given size: build, opening, recall and latency of search, memory, swaps.
// npx tsx bench/speed/kb.bench.ts [--size 120470] [--index index/starter] [--queries 1000] [--swaps 6] [--keep DIR] [--json FILE]
import { fork } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { searchFlat } from '../../src/kb/search/flat.ts'
import { openIndex, type IndexedKnowledgeBase } from '../../src/kb/search/open-index.ts'
import { principalComponents } from '../../src/kb/search/pca.ts'
import { drawPhoto, drawStranger, meanOf } from '../../src/math/face-like.ts'
import { createRandom } from '../../src/math/random.ts'
import { readIndex } from '../../src/kb/search/read-index.ts'
import { readIndexManifest } from '../../src/kb/storage/read-manifest.ts'
import { createScaleSet } from '../../test/helpers/scale-set.ts'
import { allocateTable, openTable } from '../../src/kb/search/vector-table.ts'
import { writeIndex, type IndexContent } from '../../src/kb/build/write-index.ts'
import { percentile } from './numbers.ts'

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '120470' },
    index: { type: 'string', default: 'index/starter' },
    queries: { type: 'string', default: '1000' },
    swaps: { type: 'string', default: '6' },
    keep: { type: 'string' },
    json: { type: 'string' },
    build: { type: 'string' },
    measure: { type: 'string' }
  }
})
const persons = fileURLToPath(new URL('../../../shared/data/persons.tsv.gz', import.meta.url))
const SEED = 7
/** Number of queries for recall: flat search over float32 is slow. */
const RECALL_QUERIES = 200
const CLIENTS = 8
const MB = 1e6

export interface Built { readonly seconds: number, readonly stages: Readonly<Record<string, number>>, readonly peakRssMB: number }

export interface Measured {
  readonly openMs: number
  readonly rssMB: number
  /** One query at a time. */
  readonly p50Ms: number
  readonly p99Ms: number
  /** With several concurrent clients; the longest delay of the event loop during that. */
  readonly queriesPerSecond: number
  readonly loopDelayMs: number
  /** After each swap of the index for another. */
  readonly rssOfSwapsMB: readonly number[]
}

if (values.build !== undefined) await build(values.build)
else if (values.measure !== undefined) await measure(values.measure)
else await bench()

async function createContent (): Promise<IndexContent> {
  return await createScaleSet({ persons, real: await readIndex(values.index), size: Number(values.size), seed: SEED })
}

async function bench (): Promise<void> {
  const folder = values.keep ?? await mkdtemp(join(tmpdir(), 'vel-bench-'))
  try {
    const dir = join(folder, 'index')
    const built = existsSync(dir) ? null : await runAlone<Built>('--build', dir)
    const manifest = await readIndexManifest(dir)
    const { search, encoding, vectors, dims } = manifest.spaces.face!
    const result = {
      entities: manifest.counts.entities,
      vectors,
      dims,
      encoding,
      search,
      built,
      fileMB: Object.values(manifest.files).reduce((sum, file) => sum + file.bytes, 0) / MB,
      ...await measureRecall(await createContent(), dir),
      measured: await runAlone<Measured>('--measure', dir)
    }
    console.log(JSON.stringify(result, null, 2))
    if (values.json !== undefined) await writeFile(values.json, JSON.stringify(result) + '\n')
  } finally {
    if (values.keep === undefined) await rm(folder, { recursive: true })
  }
}

/** Runs a task in a fresh process, so that its memory is that of the task alone. */
async function runAlone<T> (task: string, dir: string): Promise<T> {
  const child = fork(
    fileURLToPath(import.meta.url),
    [task, dir, '--queries', values.queries, '--size', values.size, '--index', values.index, '--swaps', values.swaps],
    { execArgv: ['--import', 'tsx', '--expose-gc'] }
  )
  return await new Promise((resolve, reject) => {
    child.on('message', message => { resolve(message as T) })
    child.on('exit', code => { reject(new Error(`ended with ${code}`)) })
  })
}

function send (result: Built | Measured): void {
  process.send!(result)
  process.disconnect()
}

async function build (dir: string): Promise<void> {
  const content = await createContent()
  const stages: Record<string, number> = {}
  const start = performance.now()
  let last = start
  let current = ''
  await writeIndex(dir, content, stage => {
    const now = performance.now()
    stages[stage] = (stages[stage] ?? 0) + (stage === current ? now - last : 0)
    if (stage !== current) console.error(`${Math.round((now - start) / 1000)} s: ${stage}`)
    current = stage
    last = now
  })
  // A child process builds graphs and compares faces; its memory is not included.
  send({
    seconds: (performance.now() - start) / 1000,
    stages: Object.fromEntries(Object.entries(stages).map(([stage, ms]) => [stage, ms / 1000])),
    peakRssMB: process.resourceUsage().maxRSS / 1000
  })
}

/** Recall against flat search over float32: the loss by encoding and search together. */
async function measureRecall (
  { spaces }: IndexContent, dir: string
): Promise<{ recallAt10: number, firstKept: number, recallOfStrangers: number }> {
  const { entityRows, read, encoder: { dims } } = spaces.face!
  const stored = allocateTable('float32', entityRows.length, dims)
  const floats = new Float32Array(stored.bytes.buffer, stored.bytes.byteOffset, entityRows.length * dims)
  for (let i = 0; i < entityRows.length; i++) floats.set(await read(i), i * dims)
  const whole = openTable(stored)
  const kb = await openIndex(dir, {})
  const random = createRandom(SEED)
  const another = await photosOf()
  const mean = meanOf(whole)
  const recallOf = async (draw: () => Promise<Float32Array>): Promise<{ recall: number, first: number }> => {
    let kept = 0
    let first = 0
    for (let n = 0; n < RECALL_QUERIES; n++) {
      const query = await draw()
      const right = Array.from(searchFlat(whole, entityRows, query, 10).rows, row => kb.entities[row]!.id)
      const found = (await kb.search('face', query, 10)).map(({ entity }) => entity.id)
      kept += found.filter(id => right.includes(id)).length
      if (found[0] === right[0]) first++
    }
    return { recall: kept / (RECALL_QUERIES * 10), first: first / RECALL_QUERIES }
  }
  const photos = await recallOf(async () => another(await read(Math.floor(random() * entityRows.length)), random))
  const strangers = await recallOf(async () => drawStranger(whole, mean, random))
  return { recallAt10: photos.recall, firstKept: photos.first, recallOfStrangers: strangers.recall }
}

async function measure (dir: string): Promise<void> {
  const start = performance.now()
  let kb = await openIndex(dir, {}, { threads: 2 })
  const openMs = performance.now() - start
  const queries = await makeQueries(kb, Number(values.queries))
  for (const query of queries.slice(0, 50)) await kb.search('face', query, 10)
  const rssMB = await settledRss()
  const times: number[] = []
  for (const query of queries) {
    const before = performance.now()
    await kb.search('face', query, 10)
    times.push(performance.now() - before)
  }
  const loop = monitorEventLoopDelay({ resolution: 1 })
  loop.enable()
  const before = performance.now()
  const waiting = queries.values()
  await Promise.all(Array.from({ length: CLIENTS }, async () => { for (const query of waiting) await kb.search('face', query, 10) }))
  const queriesPerSecond = 1000 * queries.length / (performance.now() - before)
  loop.disable()
  const rssOfSwapsMB: number[] = []
  for (let n = 0; n < Number(values.swaps); n++) {
    const next = await openIndex(dir, {}, { threads: 2 })
    await kb.close()
    kb = next
    await kb.search('face', queries[0]!, 10)
    rssOfSwapsMB.push(await settledRss())
  }
  await kb.close()
  send({
    openMs,
    rssMB,
    p50Ms: percentile(times, 0.5),
    p99Ms: percentile(times, 0.99),
    queriesPerSecond,
    loopDelayMs: loop.max / 1e6,
    rssOfSwapsMB
  })
}

/** Draws another photo of a person, with the components of the real faces. */
async function photosOf (): Promise<(vector: Float32Array, random: () => number) => Float32Array> {
  const { components, moments } = principalComponents((await readIndex(values.index)).spaces.face!.table)
  return (vector, random) => drawPhoto(vector, components, moments, random)
}

async function makeQueries (kb: IndexedKnowledgeBase, count: number): Promise<Float32Array[]> {
  const random = createRandom(SEED + 1)
  const another = await photosOf()
  const queries: Float32Array[] = []
  while (queries.length < count) {
    const [v] = await kb.vectors('face', kb.entities[Math.floor(random() * kb.entities.length)]!)
    if (v !== undefined) queries.push(another(v, random))
  }
  return queries
}

/** RSS after garbage collection, MB: memory that only opening needed is released first. */
async function settledRss (): Promise<number> {
  for (let n = 0; n < 3; n++) {
    globalThis.gc?.()
    await new Promise(resolve => { setTimeout(resolve, 200) })
  }
  return process.memoryUsage.rss() / MB
}
