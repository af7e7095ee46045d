// The text index at full scale: names and descriptions of 120,470 people through the real builder, file format, search and
// load path. The text encoder is a FIXTURE of CLIP's inputs and outputs, 512 wide, that sums seeded vectors of tokens.
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { createGunzip } from 'node:zlib'
import { openSession } from '../../../src/runtime/session.ts'
import { buildIndex } from '../../../src/kb/build/build-index.ts'
import { loadTextEncoder } from '../../../src/models/load.ts'
import type { SpaceManifest } from '../../../src/kb/storage/manifest.ts'
import { makeFixturePack } from '../../../test/helpers/fixture-pack.ts'
import { shared } from '../../../test/helpers/shared.ts'
import { figure, percent, table } from '../numbers.ts'
import { defineSection } from '../section.ts'
import { measureTexts, type MeasuredTexts } from '../text-index.ts'

interface Result {
  readonly people: number
  /** s a stage, in order. */
  readonly seconds: Readonly<Record<string, number>>
  readonly filesMB: Readonly<Record<string, number>>
  readonly space: Pick<SpaceManifest, 'dims' | 'vectors' | 'encoding' | 'search'>
  readonly measured: MeasuredTexts
}

const QUICK = 2500

export const texts = defineSection<Result>({
  name: 'texts',
  title: 'The text index',
  async run (report) {
    const folder = await mkdtemp(join(tmpdir(), 'vel-bench-'))
    try {
      const entities = join(folder, 'entities.jsonl')
      await pipeline(Readable.from(people(report.quick ? QUICK : Infinity)), createWriteStream(entities))
      const pack = await makeFixturePack(folder, {
        clip: 'tokens',
        tokenizer: fileURLToPath(new URL('models/clip-tokenizer/tokenizer.json', shared))
      })
      const text = await loadTextEncoder(
        pack.manifest,
        pack.modelsDir,
        async graph => await openSession(graph, { providers: ['cpu'], threads: 1 })
      )
      const nobody = {
        encode: async () => { throw new Error('Expected no photos') },
        close: async () => {}
      }
      const dir = join(folder, 'index')
      const seconds: Record<string, number> = {}
      let [stage, since] = ['names read', performance.now()]
      const enter = (next: string): void => {
        seconds[stage] = (seconds[stage] ?? 0) + (performance.now() - since) / 1000
        ;[stage, since] = [next, performance.now()]
      }
      let progress: ReturnType<typeof report.progress> | undefined
      const { manifest } = await buildIndex({
        entities: [entities],
        out: dir,
        name: 'texts',
        encoder: nobody,
        pack: pack.manifest,
        encodingHash: 'none',
        concurrency: 1,
        texts: { encoder: text.encoder, fields: ['name_description'] },
        onProgress (at, done, total) {
          // There are no photos.
          if (total === 0) return
          const name =
            at === 'name_description' ? 'texts embedded' : at === 'vectors' ? 'encoding chosen, vectors written' : 'search chosen'
          if (name !== stage) {
            progress?.stop()
            progress = report.progress(name.padEnd(24), total, 'texts')
            enter(name)
          }
          progress?.update(done)
          // The search is chosen next; without a graph that reports no progress.
          if (at !== 'vectors' || done < total) return
          progress?.stop()
          enter('search chosen')
        }
      })
      enter('end')
      progress?.stop()
      await text.close()
      const { dims, vectors, encoding, search } = manifest.spaces.name_description!
      const filesMB = Object.fromEntries(
        await Promise.all(Object.keys(manifest.files).map(async name => [name, (await stat(join(dir, name))).size / 1e6] as const))
      )
      return {
        people: manifest.counts.entities,
        seconds,
        filesMB,
        space: { dims, vectors, encoding, search },
        measured: await measureTexts(dir, report.quick)
      }
    } finally {
      await rm(folder, { recursive: true })
    }
  },
  render: ({
    people,
    seconds,
    filesMB,
    space,
    measured
  }) => `Names and descriptions of ${people} people of \`persons.tsv.gz\` as an index without a single photo, by \`vel kb build\`'s
builder. The encoder is a fixture of CLIP's inputs and outputs that sums seeded vectors of CLIP's tokens: it takes
no time to speak of, and what its vectors tell of recall is not what CLIP's would.

${table(
  ['build', 's'],
  Object.entries(seconds).map(([name, s]) => [name, s])
)}

${table(
  ['file', 'MB'],
  Object.entries(filesMB).map(([name, MB]) => [name, MB])
)}

${space.vectors} vectors of ${space.dims} numbers as ${space.encoding}; search chosen by the builder:
\`${JSON.stringify(space.search)}\`.
Opened and verified in ${figure(measured.openMs)} ms; a process that holds it takes ${figure(measured.rssMB)} MB,
${figure(measured.addedMB)} MB more than before.

A query is a vector that has the given cosine to a person's: from texts nearly the same to about as far as a picture is from its
text. *Recall* is against comparing everything.

${table(
  ['cosine', 'recall@1', 'recall@10', 'nearest 10: median ms', '99 %', 'nearest 50', 'nearest 600'],
  measured.queries.map(q => [q.cosine.toFixed(1), percent(q.recallAt1), percent(q.recallAt10), q.ms10, q.ms10p99, q.ms50, q.ms600])
)}`
})

/** Entity lines of the people, without photos. */
async function * people (most: number): AsyncGenerator<string> {
  let count = 0
  for await (const line of createInterface({
    input: createReadStream(new URL('data/persons.tsv.gz', shared)).pipe(createGunzip()),
    crlfDelay: Infinity
  })) {
    const [id, name, description = ''] = line.split('\t')
    if (id === 'id' || name === undefined) continue
    if (count++ >= most) return
    yield JSON.stringify({ id, name, description }) + '\n'
  }
}
