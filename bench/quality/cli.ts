// `npm run results`: RESULTS.md, from the dev sets and every model pack whose weights are there.
// Only *With captions*: npx tsx bench/quality/cli.ts --pack embedded=models --section captions --calibrations models
// Other packs: npx tsx bench/quality/cli.ts --pack NAME=DIR …
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { errors } from '../../src/errors.ts'
import { sha256 } from '../../src/files.ts'
import type { CalibrationReport } from '../../src/eval/calibrate/calibrate.ts'
import { createPhotoCache } from '../../src/eval/data/photo-cache.ts'
import { curves, writePlots } from '../../src/eval/report/plots.ts'
import { renderResults } from './render-results.ts'
import { calibrateBoth, calibrated, measurePack, type PackResults, type ResultsInput } from './results.ts'
import { measureWithCaptions, renderWithCaptions, replaceSection, type CaptionResults } from './with-captions.ts'
import { buildIndex } from '../../src/kb/build/build-index.ts'
import { readIndexManifest } from '../../src/kb/storage/read-manifest.ts'
import { encodeGiven, readQueryFiles, searchingCached } from '../../src/cli/eval-inputs.ts'
import { readConfig } from '../../src/config.ts'
import { encoderIdentity } from '../../src/packs/identity.ts'
import { openEncoder, openIndexFor, type OpenedEncoder } from '../../src/startup.ts'
import { collect } from '../../src/cli/options.ts'
import { startProgress } from '../../src/cli/progress.ts'
import { terminalLog } from '../../src/cli/terminal-log.ts'

interface Flags {
  data: string
  pack: string[]
  out: string
  cache: string
  json?: string
  plots?: string
  calibrations?: string
  section?: 'captions'
}

const GALLERY = ['portraits', 'news', 'distractors']
const QUERIES = ['cross', 'news', 'strangers']
await new Command('results')
  .description('measure model packs on the dev sets and write RESULTS.md')
  .requiredOption(
    '--pack <name=dir>',
    'model pack, and the folder its weights are in; NAME+VIEWS to try other views of a face (plain, mirrored, mirrored-grey); ' +
      'may be repeated',
    collect
  )
  .option('--data <dir>', 'dev sets: portraits, news, distractors, cross, strangers', '../shared/data')
  .option('--out <file>', 'where the results are written', 'RESULTS.md')
  .option('--cache <dir>', 'where encoded photos and indexes are kept', '.cache/eval')
  .option('--json <file>', 'write all figures as JSON')
  .option('--plots <dir>', 'write curves as SVG')
  .option('--calibrations <dir>', 'write the calibration of each pack, for indexes without their own, as DIR/<pack>/calibration.json')
  .addOption(
    new Option('--section <name>', 'measure and write anew this section of the file alone, for the first pack').choices(['captions'])
  )
  .action(async (flags: Flags) => {
    const command = process.env['npm_lifecycle_event'] === 'results'
      ? 'npm run results'
      : `npx tsx bench/quality/cli.ts ${flags.pack.map(p => `--pack ${p}`).join(' ')}`
    if (flags.section !== undefined) {
      await rewriteSection(flags, command)
      return
    }
    const packs: PackResults[] = []
    for (const given of flags.pack) packs.push(await measure(given, flags))
    const { captions } = await measureCaptionsOf(flags)
    await writeFile(flags.out, renderResults(packs, command, captions))
    if (flags.json !== undefined) await writeFile(flags.json, `${JSON.stringify(packs, null, 2)}\n`)
    if (flags.plots !== undefined) await plot(packs, flags.plots)
    if (flags.calibrations !== undefined) for (const results of packs) await writeCalibration(results, flags.calibrations)
  })
  .parseAsync()

/** Only *With captions*: the other sections take the packs an hour. */
async function rewriteSection (flags: Flags, command: string): Promise<void> {
  const { captions, recipe, portable } = await measureCaptionsOf(flags)
  const lines = renderWithCaptions(captions, `${command} --section captions`)
  await writeFile(flags.out, replaceSection(await readFile(flags.out, 'utf8'), lines))
  if (flags.calibrations !== undefined) await writeCalibration({ pack: captions.pack, recipe, portable }, flags.calibrations)
}

interface MeasuredCaptions { readonly captions: CaptionResults, readonly recipe: string, readonly portable: CalibrationReport }

async function measureCaptionsOf (flags: Flags): Promise<MeasuredCaptions> {
  return await withPack(flags.pack[0]!, flags, async ({ name, recipe, kb, encoded, wild }) => {
    const { calibration, portable } = await calibrateBoth(kb, encoded, wild)
    return { captions: await measureWithCaptions(name, calibrated(kb, calibration), encoded.answers, flags.data), recipe, portable }
  })
}

async function measure (given: string, flags: Flags): Promise<PackResults> {
  return await withPack(given, flags, async ({ opened, ...input }) => await measurePack({
    ...input,
    pack: input.name,
    encoder: opened.encoder,
    cache: createPhotoCache(flags.cache, opened.encodingHash),
    concurrency: 2 * opened.workers,
    onStage: stage => { terminalLog.info(`${input.name}: ${stage}`) }
  }))
}

/** A pack with its gallery, which is searched with a cache, and the encoded queries. */
interface PackInput extends Pick<ResultsInput, 'models' | 'recipe' | 'gallery' | 'kb' | 'encoded' | 'wild' | 'counts'> {
  readonly name: string
  readonly opened: OpenedEncoder
}

async function withPack<T> (given: string, { data, cache }: Flags, work: (input: PackInput) => Promise<T>): Promise<T> {
  const [name, modelsDir] = given.split('=')
  const [packName, views] = name!.split('+')
  if (modelsDir === undefined) throw errors.input('--pack as NAME=DIR, such as embedded=models', given)
  const opened = await openEncoder({ ...readConfig(process.env), modelsDir }, packName, terminalLog, views)
  try {
    const { pack } = opened
    const dir = await buildGallery(cache, data, opened)
    const kb = await openIndexFor(pack, dir)
    const { face } = (await readIndexManifest(dir)).spaces
    const { queries, counts } = await readQueryFiles(QUERIES.map(set => join(data, set, 'queries.jsonl')), { skipBroken: false })
    const encoded = await encodeGiven(queries, opened, cache, false)
    const { queries: wildQueries } = await readQueryFiles([join(data, 'wild', 'queries.jsonl')], { skipBroken: false })
    const wild = await encodeGiven(wildQueries, opened, cache, false)
    const all = { ...counts, noFace: encoded.noFace.length, unreadable: encoded.unreadable.length, missingPhotos: encoded.missing.length }
    const models = Object.values(pack.models).flatMap(m => m?.name ?? []).join(', ')
    return await searchingCached(
      kb,
      opened.encodingHash,
      cache,
      async cached =>
        await work({
          name: name!,
          opened,
          models,
          recipe: encoderIdentity(pack.models.face).recipe,
          gallery: { people: kb.info.entities, photos: face!.vectors, search: face!.search.kind },
          kb: cached,
          encoded,
          wild,
          counts: all
        })
    )
  } finally {
    await opened.close()
  }
}

/** Builds the gallery where it is not there yet, from these people by this recipe. @returns its folder. */
async function buildGallery (
  cache: string,
  data: string,
  { encoder, pack, encodingHash: recipe, workers }: OpenedEncoder
): Promise<string> {
  const entities = GALLERY.map(set => join(data, set, 'entities.jsonl'))
  const people = await Promise.all(entities.map(async file => sha256(await readFile(file))))
  const dir = join(cache, `index-${sha256(JSON.stringify([recipe, people])).slice(0, 16)}`)
  if (
    await readIndexManifest(dir).then(
      () => true,
      () => false
    )
  ) { return dir }
  const progress = startProgress(`gallery, ${pack.name}`, 0, 'photos')
  try {
    await buildIndex({
      entities,
      out: dir,
      name: 'gallery',
      encoder,
      pack,
      encodingHash: recipe,
      concurrency: workers,
      onProgress: (stage, done, total) => { if (stage === 'photos') progress.update(done, total) }
    })
  } finally {
    progress.stop()
  }
  return dir
}

/** Not for a pack with other views than its own: its embeddings are of another encoder. */
async function writeCalibration (
  { pack, portable, recipe }: Pick<PackResults, 'pack' | 'portable' | 'recipe'>, folder: string
): Promise<void> {
  if (pack.includes('+')) return
  await writeFile(join(folder, pack, 'calibration.json'), `${JSON.stringify({ recipe, calibration: portable.calibration }, null, 2)}\n`)
}

async function plot (packs: readonly PackResults[], folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  const unit = { min: 0, max: 1 }
  await writePlots(
    [
      {
        file: 'small-faces.svg',
        option: curves(
          'Small faces',
          { name: 'short side of the face, px' },
          { name: 'R@1', ...unit },
          packs.map(p => ({
            name: p.pack,
            points: p.smallFaces.flatMap(s => s.sizePx === null ? [] : [[s.sizePx, s.row.perPerson.recall[1]] as const])
          }))
        )
      },
      {
        file: 'open-set.svg',
        option: curves(
          'Open set, by score',
          { name: 'FPIR', log: true, max: 1 },
          { name: 'TPIR', ...unit },
          packs.map(p => ({ name: p.pack, points: p.report.openSetCurve.filter(c => c.fpir > 0).map(c => [c.fpir, c.tpir] as const) }))
        )
      },
      {
        file: 'reliability.svg',
        option: curves(
          'Reliability, cross-validated',
          { name: 'stated probability', ...unit },
          { name: 'share right', ...unit },
          packs.map(p => ({ name: p.pack, points: p.calibration.bins.map(b => [b.stated, b.observed] as const) }))
        )
      }
    ],
    folder
  )
}
