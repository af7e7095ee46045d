// `vel eval`: measures how well an index and a model pack link the photos of query files.
import { mkdir, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { Option, type Command } from 'commander'
import type { KnowledgeBase } from '../kb/types.ts'
import type { PackManifest } from '../packs/manifest.ts'
import { errors } from '../errors.ts'
import { evaluate } from '../eval/evaluate.ts'
import { plotsOf, writePlots } from '../eval/report/plots.ts'
import { renderMarkdown, renderTerminal } from '../eval/report/render.ts'
import type { Report } from '../eval/report/report.ts'
import { systemsOf } from '../eval/systems.ts'
import { evaluateServer } from '../eval/evaluate-server.ts'
import { encodeGiven, readQueryFiles, searchingCached, type GivenQueries } from './eval-inputs.ts'
import type { OpenedEncoder } from '../startup.ts'
import { collect } from './options.ts'
import { startProgress } from './progress.ts'

/** Opens what the command needs. */
export interface EvalDeps {
  /** Opens the encoder of a pack, by default the configured one. */
  readonly openEncoder: (packName: string | undefined) => Promise<OpenedEncoder>
  readonly openIndex: (dir: string, pack: PackManifest) => Promise<KnowledgeBase>
}

interface Flags {
  queries: string[]
  strangers: string[]
  index?: string
  pack?: string
  server?: string
  apiKey?: string
  images?: string
  cache: string | false
  json?: string
  markdown?: string
  plots?: string
  sweeps: boolean
  captions?: 'made'
  skipBroken: boolean
}

export function addEvalCommand (program: Command, deps: EvalDeps): void {
  program.command('eval')
    .description('measure the linking on query files: recall, MRR, strangers named, calibration')
    .requiredOption('--queries <file>', 'query file, JSON lines or WIKIPerson; may be repeated', collect)
    .option('--strangers <file>', 'query file of people who are in no index; may be repeated', collect, [])
    .option('--index <dir>', 'index folder: the gallery')
    .option('--pack <name>', 'model pack (default: the configured one)')
    .option('--server <url>', 'evaluate the service at this URL instead of an index')
    .option('--api-key <key>', 'key for that service')
    .option('--images <dir>', 'where the photos are, when not beside the query file')
    .option('--cache <dir>', 'where encoded photos are kept', '.cache/eval')
    .option('--no-cache', 'encode every photo anew')
    .option('--json <file>', 'write the report as JSON')
    .option('--markdown <file>', 'write the report as Markdown')
    .option('--plots <dir>', 'write the curves as SVG')
    .option('--no-sweeps', 'leave out the curves over K, which take a search of 1,000 a query')
    .addOption(new Option('--captions <kind>', 'also measure links with captions that are made from templates').choices(['made']))
    .option('--skip-broken', 'leave out broken lines instead of refusing the file', false)
    .action(async (flags: Flags) => {
      if ((flags.index === undefined) === (flags.server === undefined)) {
        throw errors.input('either --index or --server', flags.index === undefined ? 'neither' : 'both')
      }
      const given = await readQueryFiles([...flags.queries, ...flags.strangers], flags)
      const report = flags.server !== undefined ? await overHttp(given, flags.server, flags.apiKey) : await overIndex(given, flags, deps)
      process.stdout.write(renderTerminal(report))
      await writeOutputs(report, flags)
    })
}

async function overIndex ({ queries, counts }: GivenQueries, flags: Flags, deps: EvalDeps): Promise<Report> {
  const opened = await deps.openEncoder(flags.pack)
  try {
    const { pack } = opened
    const clip = pack.models.clipImage !== undefined
    const kb = await deps.openIndex(flags.index!, pack)
    try {
      const rows = systemsOf(kb, clip)
      if (rows.length === 0) throw errors.index(flags.index!, `vectors that pack ${pack.name} can search`, 'none; build it with this pack')
      const encoded = await encodeGiven(queries, opened, flags.cache, rows.some(r => r.context))
      const progress = startProgress('rank', rows.length * encoded.answers.length, 'queries')
      const all = {
        ...counts,
        duplicates: counts.duplicates + encoded.samePhoto.length,
        noFace: encoded.noFace.length,
        unreadable: encoded.unreadable.length,
        missingPhotos: encoded.missing.length
      }
      return await searchingCached(
        kb,
        opened.encodingHash,
        flags.cache,
        async cached =>
          await evaluate(
            cached,
            encoded,
            { counts: all, models: modelsOf(pack) },
            { clip, sweeps: flags.sweeps, captions: flags.captions === 'made', onProgress: progress.update }
          )
      ).finally(progress.stop)
    } finally {
      await kb.close()
    }
  } finally {
    await opened.close()
  }
}

async function overHttp ({ queries, counts }: GivenQueries, url: string, apiKey: string | undefined): Promise<Report> {
  const progress = startProgress('ask', queries.length, 'queries')
  return await evaluateServer(queries, counts, { url, apiKey, concurrency: 4, onProgress: progress.update }).finally(progress.stop)
}

function modelsOf (pack: PackManifest): string {
  return `${pack.name} (${Object.values(pack.models).flatMap(m => m?.name ?? []).join(', ')})`
}

async function writeOutputs (report: Report, { json, markdown, plots }: Flags): Promise<void> {
  for (const folder of [json, markdown].flatMap(f => f === undefined ? [] : dirname(f)).concat(plots ?? [])) {
    await mkdir(folder, { recursive: true })
  }
  const written = plots === undefined ? [] : await writePlots(plotsOf(report), plots)
  if (json !== undefined) await writeFile(json, `${JSON.stringify(report, null, 2)}\n`)
  if (markdown !== undefined) {
    await writeFile(
      markdown,
      renderMarkdown(
        report,
        written.map(f => relative(dirname(markdown), join(plots!, f)))
      )
    )
  }
  for (const file of [json, markdown, ...written.map(f => join(plots!, f))]) {
    if (file !== undefined) process.stderr.write(`wrote ${basename(file)} to ${dirname(file)}\n`)
  }
}
