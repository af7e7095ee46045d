// What does CLIP cost on this machine, per mention, per text and per reranking? On one thread.
// Run: npx tsx test/bench/clip.ts [int8 | float32]
// The graphs have CLIP ViT-B/32's true size and weights that know nothing: the work of the published files without them.
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { openSession } from '../../src/inference/session.ts'
import { createRandom, gaussian } from '../../src/kb/random.ts'
import { embedByLength } from '../../src/kb/embed-texts.ts'
import { openIndex } from '../../src/kb/open-index.ts'
import { writeIndex } from '../../src/kb/write-index.ts'
import { Pyramid } from '../../src/math/pyramid.ts'
import { normalize } from '../../src/math/vector.ts'
import { createClipImage } from '../../src/models/clip-image.ts'
import { loadTextEncoder } from '../../src/models/load-text.ts'
import type { OpenSession } from '../../src/models/load.ts'
import { cropContext } from '../../src/pipeline/context.ts'
import { rerank } from '../../src/pipeline/rerank.ts'
import { compare, retrieve } from '../../src/pipeline/retrieve.ts'
import { draw } from '../helpers/drawn.ts'
import { makeFixturePack } from '../helpers/fixture-pack.ts'
import { shared } from '../helpers/shared.ts'

const precision = process.argv[2] === 'float32' ? 'float32' : 'int8'
const SIDE = 224
const TEXTS = 1024
const ENTITIES = 4000
const DIMS = 512
const RERANKED = 600

/** Prints wall and CPU ms of one of `count` like things that `work` does; one round first to warm up. */
async function measure (what: string, count: number, work: () => Promise<unknown> | unknown): Promise<void> {
  await work()
  const cpu = process.cpuUsage()
  const start = performance.now()
  await work()
  const wall = (performance.now() - start) / count
  const { user, system } = process.cpuUsage(cpu)
  console.log(`${what.padEnd(58)}${wall.toFixed(2).padStart(10)}${((user + system) / 1000 / count).toFixed(2).padStart(10)}${(1000 / wall).toFixed(0).padStart(10)}`)
}

async function repeat (count: number, work: () => Promise<unknown> | unknown): Promise<void> {
  for (let i = 0; i < count; i++) await work()
}

console.log(`CLIP ViT-B/32's size, ${precision}, seeded weights, one thread; ${cpus()[0]?.model}, ${availableParallelism()} cores, load ${loadavg()[0]!.toFixed(1)}`)
console.log(`${''.padEnd(58)}${'wall ms'.padStart(10)}${'CPU ms'.padStart(10)}${'a second'.padStart(10)}`)
const dir = await mkdtemp(join(tmpdir(), 'bench-clip-'))
try {
  const pack = await makeFixturePack(dir, { clip: precision, tokenizer: fileURLToPath(new URL('models/clip-tokenizer/tokenizer.json', shared)) })
  const open: OpenSession = async path => await openSession(path, { providers: ['cpu'], threads: 1 })
  await image()
  await texts()
  await ranking()

  async function image (): Promise<void> {
    const { clipImage } = pack.manifest.models
    const session = await open(join(dir, clipImage!.files['model']!.path))
    const encoder = createClipImage(session, clipImage!, pack.name)
    const picture = new Pyramid(draw(1200, 800, (x, y) => [x % 256, y % 256, (x + y) % 256]))
    for (const side of [100, 300, 700]) {
      await measure(`context of ${side} px: crop and resize`, 20, async () => { await repeat(20, () => cropContext(picture, { x1: 200, y1: 50, x2: 200 + side, y2: 50 + side }, 1, SIDE)) })
    }
    const crop = cropContext(picture, { x1: 200, y1: 50, x2: 500, y2: 350 }, 1, SIDE)
    for (const batch of [1, 4, 16]) {
      await measure(`image encode, batch of ${batch}: per mention`, 32, async () => { await repeat(32 / batch, async () => await encoder.encode(Array.from({ length: batch }, () => crop))) })
    }
    await session.close()
  }

  async function texts (): Promise<void> {
    const text = await loadTextEncoder(pack.manifest, dir, open)
    const rows = gunzipSync(readFileSync(new URL('data/persons.tsv.gz', shared))).toString('utf8').split('\n')
    const people = Array.from({ length: TEXTS }, (_, i) => rows[Math.floor(i * (rows.length - 1) / TEXTS)]!.split('\t')).map(([, name = '', description = '']) => ({ name, description }))
    for (const field of ['name', 'name_description'] as const) {
      await measure(`text encode, ${field}: per text`, TEXTS, async () => await embedByLength(text.encoder, people.map(person => text.encoder.prompt(person, field))))
    }
    await text.close()
  }

  async function ranking (): Promise<void> {
    const random = createRandom(1)
    const vectors = Array.from({ length: ENTITIES }, () => normalize(Float32Array.from({ length: DIMS }, () => gaussian(random))))
    const space = { encoder: { name: 'seeded', sha256: 'a'.repeat(64), recipe: 'b'.repeat(64), dims: DIMS }, entityRows: Uint32Array.from(vectors.keys()), read: async (n: number) => vectors[n]! }
    const entities = vectors.map((_, i) => ({ id: `Q${i + 1}`, name: `Person ${i + 1}`, description: '', aliases: [] }))
    const path = join(dir, 'index')
    await writeIndex(path, { name: 'bench', pack: pack.name, decision: { threshold: 0, ambiguousMargin: 0, measuredOn: 'nothing' }, entities, spaces: { face: space, name: space } })
    const kb = await openIndex(path, {})
    const found = await retrieve(kb, { modality: 'face', space: 'face', embedding: vectors[0]! }, RERANKED)
    await measure(`rerank ${RERANKED} candidates of ${ENTITIES}, ${DIMS}-d`, 200, async () => {
      await repeat(200, async () => rerank(await compare(kb, found, { modality: 'text', space: 'name', embedding: vectors[1]! }), 'text', RERANKED))
    })
    await kb.close()
  }
} finally {
  await rm(dir, { recursive: true })
}
