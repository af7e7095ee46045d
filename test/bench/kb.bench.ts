// Measures an index of a given size: build, open, recall, time of a query, memory.
// npx tsx test/bench/kb.bench.ts [--size 20000] [--index index/starter] [--queries 300] [--json FILE]
import { fork } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { searchExact } from '../../src/kb/exact.ts'
import { openIndex } from '../../src/kb/open-index.ts'
import { createRandom, perturb } from '../../src/kb/random.ts'
import { readIndex } from '../../src/kb/read-index.ts'
import { createScaleSet } from '../../src/kb/scale-set.ts'
import { tableOf } from '../../src/kb/vectors.ts'
import { writeIndex } from '../../src/kb/write-index.ts'

const { values } = parseArgs({ options: { size: { type: 'string', default: '20000' }, index: { type: 'string', default: 'index/starter' }, queries: { type: 'string', default: '300' }, json: { type: 'string' }, measure: { type: 'string' } } })
const persons = fileURLToPath(new URL('../../../shared/data/persons.tsv.gz', import.meta.url))
/** A query is as near to its person's vector as two photos of one person are. */
const QUERY_SIMILARITY = 0.6
const SEED = 7

interface Measured { openMs: number, p50Ms: number, p99Ms: number, queriesPerSecond: number, rssMB: number }

if (values.measure === undefined) await bench()
else await measure(values.measure)

async function bench (): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'vel-bench-'))
  try {
    const dir = join(folder, 'index')
    const content = await createScaleSet({ persons, real: await readIndex(values.index), size: Number(values.size), seed: SEED })
    const start = performance.now()
    const manifest = await writeIndex(dir, content)
    const buildSeconds = (performance.now() - start) / 1000
    const { entityRows, read } = content.spaces.face!
    const vectors: Float32Array[] = []
    for (let i = 0; i < entityRows.length; i++) vectors.push(await read(i))
    const whole = tableOf('float32', vectors, vectors[0]!.length)
    const kb = await openIndex(dir, {})
    const random = createRandom(SEED)
    let kept = 0
    let first = 0
    const count = Math.min(100, Number(values.queries))
    for (let n = 0; n < count; n++) {
      const query = perturb(vectors[Math.floor(random() * vectors.length)]!, QUERY_SIMILARITY, random)
      const right = Array.from(searchExact(whole, entityRows, query, 10).rows, row => kb.entities[row]!.id)
      const found = (await kb.search('face', query, 10)).map(n => n.entity.id)
      kept += found.filter(id => right.includes(id)).length
      if (found[0] === right[0]) first++
    }
    const { search, encoding, msPerQuery, vectors: stored, dims } = manifest.spaces.face!
    const result = {
      machine: `${cpus().length} x ${cpus()[0]?.model ?? '?'}, Node ${process.version}`,
      vectors: stored,
      dims,
      encoding,
      search,
      msPerQuery,
      // Against exact search over float32: what encoding and graph lose together.
      recallAt10: kept / (count * 10),
      firstKept: first / count,
      buildSeconds: Number(buildSeconds.toFixed(1)),
      fileMB: Number((Object.values(manifest.files).reduce((sum, file) => sum + file.bytes, 0) / 1e6).toFixed(1)),
      ...await measureAside(dir)
    }
    console.log(JSON.stringify(result, null, 2))
    if (values.json !== undefined) await writeFile(values.json, JSON.stringify(result, null, 2) + '\n')
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** A fresh process, whose memory is the index's. */
async function measureAside (dir: string): Promise<Measured> {
  const child = fork(fileURLToPath(import.meta.url), ['--measure', dir, '--queries', values.queries], { execArgv: ['--import', 'tsx'] })
  return await new Promise((resolve, reject) => {
    child.on('message', message => { resolve(message as Measured) })
    child.on('exit', code => { reject(new Error(`ended with ${code}`)) })
  })
}

async function measure (dir: string): Promise<void> {
  const start = performance.now()
  const kb = await openIndex(dir, {})
  const openMs = performance.now() - start
  const random = createRandom(SEED + 1)
  const dims = kb.dims.face!
  const queries = Array.from({ length: Number(values.queries) }, () => perturb(Float32Array.from({ length: dims }, (_, d) => d === 0 ? 1 : 0), QUERY_SIMILARITY, random))
  const times: number[] = []
  for (const query of queries) {
    const before = performance.now()
    await kb.search('face', query, 10)
    times.push(performance.now() - before)
  }
  const total = times.reduce((sum, ms) => sum + ms, 0)
  times.sort((a, b) => a - b)
  const at = (share: number): number => Number(times[Math.min(times.length - 1, Math.floor(times.length * share))]!.toFixed(2))
  process.send!({ openMs: Math.round(openMs), p50Ms: at(0.5), p99Ms: at(0.99), queriesPerSecond: Math.round(1000 * times.length / total), rssMB: Math.round(process.memoryUsage.rss() / 1e6) } satisfies Measured)
  process.disconnect()
}
