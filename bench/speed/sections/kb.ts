// The index at full size: runs bench/speed/kb.bench.ts in a separate process.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SearchManifest } from '../../../src/kb/storage/manifest.ts'
import { benchIndex } from '../bench-index.ts'
import type { Built, Measured } from '../kb.bench.ts'
import { figure, table } from '../numbers.ts'
import { root } from '../photos.ts'
import { defineSection } from '../section.ts'

const SCRIPT = join(root, 'bench/speed/kb.bench.ts')

interface KbResult {
  readonly entities: number
  readonly vectors: number
  readonly dims: number
  readonly encoding: string
  readonly search: SearchManifest
  readonly built: Built
  readonly fileMB: number
  readonly recallAt10: number
  readonly firstKept: number
  readonly recallOfStrangers: number
  readonly measured: Measured
}

export const kb = defineSection<KbResult>({
  name: 'kb',
  title: 'The index',
  async run (report) {
    const sizes = report.quick ? ['--size', '3000', '--queries', '100', '--swaps', '2'] : []
    const folder = await mkdtemp(join(tmpdir(), 'vel-bench-'))
    const progress = report.progress('index'.padEnd(24), 1, 'index')
    try {
      const json = join(folder, 'kb.json')
      const child = spawn(process.execPath, ['--import', 'tsx', SCRIPT, ...sizes, '--index', await benchIndex(), '--json', json], {
        cwd: root,
        stdio: ['ignore', 'ignore', 'inherit']
      })
      const [code] = await once(child, 'exit')
      if (code !== 0) throw new Error(`Expected ${SCRIPT} to measure, it ended with exit code ${code}`)
      progress.update(1)
      return JSON.parse(await readFile(json, 'utf8')) as KbResult
    } finally {
      progress.stop()
      await rm(folder, { recursive: true })
    }
  },
  render ({ entities, vectors, dims, encoding, search, built, fileMB, recallAt10, firstKept, recallOfStrangers, measured }) {
    const { openMs, rssMB, p50Ms, p99Ms, queriesPerSecond, loopDelayMs, rssOfSwapsMB } = measured
    const how =
      search.kind === 'exact'
        ? 'exact'
        : search.kind === 'pca'
          ? `PCA, ${search.dims} components of all, then ${search.candidates} in full`
          : `HNSW over ${search.dims} components, ef ${search.ef}, then ${search.candidates} in full`
    return [
      `${entities} people, ${vectors} faces of ${dims} numbers as ${encoding}; but for those of the starter index their faces are ` +
        'drawn as real ones are distributed (smoothed bootstrap). Queries: stored vectors with a drawn difference of two photos of one ' +
        `person, and strangers drawn like the stored ones. Search chosen by the builder: ${how}.\n`,
      table(
        ['', 'measured', 'wanted'],
        [
          ['recall@10 against exact search over float32', recallAt10, '≥ 0.99'],
          ['first one the same', firstKept, ''],
          ['recall@10 for strangers', recallOfStrangers, '≥ 0.985'],
          ['one query at a time, p50, ms', p50Ms, ''],
          ['one query at a time, p99, ms', p99Ms, '≤ 10'],
          ['queries a second, 8 clients, 2 search threads', queriesPerSecond, '≥ 300'],
          ['longest delay of the event loop meanwhile, ms', loopDelayMs, ''],
          ['open to ready, ms', openMs, '≤ 5000'],
          ['memory of the process (RSS), MB', rssMB, '≤ 900'],
          [`memory after each of ${rssOfSwapsMB.length} swaps, MB`, rssOfSwapsMB.map(figure).join(', '), ''],
          ['build from vectors, s', built.seconds, ''],
          ['… of which ' + Object.keys(built.stages).join(', ') + ', s', Object.values(built.stages).map(figure).join(', '), ''],
          ['peak memory of the builder, MB', built.peakRssMB, ''],
          ['size of the folder, MB', fileMB, '']
        ]
      )
    ].join('\n')
  }
})
