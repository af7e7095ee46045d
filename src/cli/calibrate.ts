// `vel calibrate`: fits the probability of a link on queries and strangers, and writes it into the index.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import Table from 'cli-table3'
import type { Command } from 'commander'
import { errors } from '../errors.ts'
import { calibrate, type CalibrationReport } from '../eval/calibrate/calibrate.ts'
import { countShown, fitShown } from '../eval/calibrate/shown.ts'
import { collectPairs } from '../eval/calibrate/pairs.ts'
import { collectSamples } from '../eval/calibrate/collect-samples.ts'
import { photoOf, type EncodedQuery } from '../eval/data/encode-queries.ts'
import { curves, writePlots } from '../eval/report/plots.ts'
import { share } from '../eval/report/render.ts'
import type { PairModel } from '../kb/calibration.ts'
import { updateManifest } from '../kb/storage/update-manifest.ts'
import { encodeGiven, readQueryFiles, searchingCached } from './eval-inputs.ts'
import type { EvalDeps } from './eval.ts'
import { collect } from './options.ts'
import { startProgress } from './progress.ts'

interface Flags {
  queries: string[]
  strangers: string[]
  index: string
  pack?: string
  targetFpir: number
  images?: string
  cache: string | false
  json?: string
  plots?: string
  skipBroken: boolean
  dryRun: boolean
}

export function addCalibrateCommand (program: Command, deps: EvalDeps): void {
  program.command('calibrate')
    .description('learn when the first candidate is right, and write it into the index')
    .requiredOption('--index <dir>', 'index folder')
    .requiredOption('--queries <file>', 'query file of people in the index; may be repeated', collect)
    .requiredOption('--strangers <file>', 'query file of people who are not; may be repeated', collect)
    .option('--target-fpir <share>', 'share of strangers that may be linked', Number, 0.01)
    .option('--pack <name>', 'model pack (default: the configured one)')
    .option('--images <dir>', 'where the photos are, when not beside the query file')
    .option('--cache <dir>', 'where encoded photos are kept', '.cache/eval')
    .option('--no-cache', 'encode every photo anew')
    .option('--json <file>', 'write the report as JSON')
    .option('--plots <dir>', 'write the reliability diagram as SVG')
    .option('--skip-broken', 'leave out broken lines instead of refusing the file', false)
    .option('--dry-run', 'leave the index as it is', false)
    .action(async (flags: Flags) => {
      const report = await measure(flags, deps)
      process.stdout.write(render(report))
      if (flags.json !== undefined) await writeFile(flags.json, `${JSON.stringify(report, null, 2)}\n`)
      if (flags.plots !== undefined) await writeReliability(report, flags.plots)
      if (flags.dryRun) return
      const { version } = await updateManifest(flags.index, { calibration: report.calibration })
      process.stderr.write(
        `wrote the calibration into ${flags.index}, now version ${version}; running services take it up when they reload the index\n`
      )
    })
}

async function measure (flags: Flags, deps: EvalDeps): Promise<CalibrationReport> {
  const { queries } = await readQueryFiles([...flags.queries, ...flags.strangers], flags)
  const opened = await deps.openEncoder(flags.pack)
  try {
    const kb = await deps.openIndex(flags.index, opened.pack)
    try {
      if (kb.dims.face === undefined) throw errors.index(flags.index, 'face vectors', 'none; only links by face are calibrated')
      const { answers } = await encodeGiven(queries, opened, flags.cache, false)
      warnOfPosed(answers)
      const progress = startProgress('search', answers.length, 'queries')
      const samples = await searchingCached(
        kb,
        opened.encodingHash,
        flags.cache,
        async cached => await collectSamples(cached, answers, progress.update)
      ).finally(progress.stop)
      const pairs = await collectPairs(kb, answers)
      const packPairs = opened.calibration?.pairs
      const shown = fitShown(await countShown(kb, answers))
      return calibrate(samples, { targetFpir: flags.targetFpir, entities: kb.info.entities, pairs, packPairs, shown })
    } finally {
      await kb.close()
    }
  } finally {
    await opened.close()
  }
}

/** Photos with one large face each say nothing of crowds, backgrounds and things that look like a face. */
function warnOfPosed (answers: readonly EncodedQuery[]): void {
  const strangers = answers.filter(({ query }) => query.entityId === null)
  if (strangers.length > new Set(strangers.map(photoOf)).size) return
  process.stderr.write(
    'each photo of a stranger shows one face at most: the probability will be too high on photos with crowds and clutter; ' +
      'add such photos with --strangers\n'
  )
}

function render ({ calibration, bins, tried }: CalibrationReport): string {
  const { measured, linkFrom, ambiguousFrom, targetFpir, terms } = calibration
  const table = (head: string[], rows: string[][]): string => {
    const drawn = new Table({ head, style: { head: [], border: [] } })
    drawn.push(...rows)
    return drawn.toString()
  }
  return [
    `Calibrated on ${measured.queries} queries of ${measured.persons} people and ${measured.strangers} strangers; figures by ` +
      `${measured.folds}-fold cross-validation over persons`,
    table(
      ['target FPIR', 'linked from', 'ambiguous from', 'FPIR', 'TPIR', 'calibration error'],
      [[share(targetFpir), share(linkFrom), share(ambiguousFrom), share(measured.fpir), share(measured.tpir), share(measured.ece)]]
    ),
    table(
      ['feature', 'weight a standard deviation', 'mean', 'deviation'],
      terms.map(t => [t.feature, t.weight.toFixed(3), t.mean.toFixed(3), t.scale.toFixed(3)])
    ),
    ...(calibration.pairs === undefined ? [] : [renderPairs(calibration.pairs, table)]),
    ...(calibration.shown === undefined
      ? []
      : [table(['named by', 'people in the picture'], Object.entries(calibration.shown).map(([kind, p]) => [kind, share(p)]))]),
    table(
      ['stated', 'right', 'queries'],
      bins.map(b => [share(b.stated), share(b.observed), String(b.count)])
    ),
    table(
      ['features tried', 'log loss'],
      tried.slice(0, -1).map(t => [t.features.join(', '), share(t.logLoss)])
    ),
    ''
  ].join('\n')
}

function renderPairs ({ linkFrom, measured }: PairModel, table: (head: string[], rows: string[][]) => string): string {
  const { genuine, impostor, trueMatchRate, falseMatchRate } = measured
  return table(
    ['a named person is linked from log ratio', 'pairs of one person', 'of them linked', 'pairs of two people', 'of them linked'],
    [[linkFrom.toFixed(2), String(genuine), share(trueMatchRate), String(impostor), share(falseMatchRate)]]
  )
}

async function writeReliability ({ bins }: CalibrationReport, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  const option = curves(
    'Reliability, cross-validated',
    { name: 'stated probability', min: 0, max: 1 },
    { name: 'share right', min: 0, max: 1 },
    [
      { name: 'observed', points: bins.map(b => [b.stated, b.observed]) },
      {
        name: 'perfect',
        points: [
          [0, 0],
          [1, 1]
        ]
      }
    ]
  )
  const [file] = await writePlots([{ file: 'reliability.svg', option }], folder)
  process.stderr.write(`wrote ${join(folder, file!)}\n`)
}
