// `vel kb …`: builds, describes, weighs and verifies index folders.
import { basename, resolve } from 'node:path'
import Table from 'cli-table3'
import type { Command } from 'commander'
import { buildIndex, type BuildStage, type Built } from '../kb/build/build-index.ts'
import type { IndexManifest, SpaceManifest } from '../kb/storage/manifest.ts'
import { readIndexManifest, verifyIndex } from '../kb/search/read-index.ts'
import { updateManifest } from '../kb/storage/update-manifest.ts'
import type { PackManifest } from '../packs/manifest.ts'
import type { ClipTextEncoder } from '../ports.ts'
import type { OpenedEncoder } from '../startup.ts'
import { TEXT_SPACES, type TextSpace } from '../types.ts'
import { errors } from '../errors.ts'
import { many } from './options.ts'
import { startProgress, type Progress } from './progress.ts'

export interface OpenedTexts { readonly encoder: ClipTextEncoder, close: () => Promise<void> }

export interface KbCommandOptions {
  /** Opens the encoder of a pack, by default the configured one. */
  readonly openEncoder: (packName: string | undefined) => Promise<OpenedEncoder>
  /** Opens the text encoder of a pack. @throws VEL_ERR_PACK where it has none */
  readonly openTexts: (pack: PackManifest) => Promise<OpenedTexts>
  /** Where results are printed; progress goes to standard error. */
  readonly print?: ((text: string) => void) | undefined
}

const STAGES: Readonly<Record<BuildStage, { label: string, unit: string }>> = {
  photos: { label: 'Encoding photos ', unit: 'photos' },
  name: { label: 'Embedding names ', unit: 'texts' },
  name_description: { label: 'Embedding names with descriptions', unit: 'texts' },
  vectors: { label: 'Writing vectors ', unit: 'vectors' },
  graph: { label: 'Building graph  ', unit: 'vectors' },
  usual: { label: 'Rating faces    ', unit: 'vectors' },
  alike: { label: 'Comparing faces ', unit: 'vectors' }
}

/** The texts that `POST /link` compares where an index has several. */
const DEFAULT_TEXTS: TextSpace = 'name_description'

/** Problems printed one a line; the rest are in the report. */
const PRINTED_PROBLEMS = 10

export function addKbCommand (program: Command, { openEncoder, openTexts, print = text => { process.stdout.write(text + '\n') } }: KbCommandOptions): void {
  const kb = program.command('kb').description('build, describe and verify indexes of people')

  kb.command('build')
    .description('build an index from entity files and their photos; an interrupted build goes on where it was')
    .requiredOption('--entities <file>', 'entity file, JSON lines; may be given several times', many)
    .requiredOption('--out <dir>', 'index folder; replaced whole when the new one is ready')
    .option('--pack <name>', 'model pack that encodes the photos (default: MODEL_PACK)')
    .option('--name <name>', 'name of the index (default: the folder\'s name)')
    .option('--texts <fields>', `texts of each entity to embed with the pack's CLIP: ${TEXT_SPACES.join(', ')}, both with a comma between, or none (default: ${DEFAULT_TEXTS} where the pack has CLIP)`)
    .action(async (options: { entities: string[], out: string, pack?: string, name?: string, texts?: string }) => {
      const asked = options.texts === undefined ? undefined : parseTexts(options.texts)
      const opened = await openEncoder(options.pack)
      const bars = progressBars()
      let texts: OpenedTexts | undefined
      try {
        const { pack, encoder, recipe, workers: concurrency } = opened
        const fields = asked ?? (pack.models.clipImage !== undefined && pack.models.clipText !== undefined ? [DEFAULT_TEXTS] : [])
        texts = fields.length === 0 ? undefined : await openTexts(pack)
        const built = await buildIndex({ entities: options.entities, out: options.out, name: options.name ?? basename(resolve(options.out)), encoder, pack, recipe, concurrency, texts: texts === undefined ? undefined : { encoder: texts.encoder, fields }, onProgress: bars.update })
        bars.stop()
        print(describeBuild(options.out, built))
      } finally {
        bars.stop()
        await texts?.close()
        await opened.close()
      }
    })

  kb.command('info').argument('<dir>', 'index folder').option('--json', 'the manifest as JSON').description('show what an index holds')
    .action(async (dir: string, options: { json?: boolean }) => {
      const manifest = await readIndexManifest(dir)
      print(options.json === true ? JSON.stringify(manifest, null, 2) : describeIndex(manifest))
    })

  kb.command('weigh').argument('<dir>', 'index folder')
    .description('say how much faces and texts count in mode v2vt with order fusion; only the ratio matters')
    .requiredOption('--face <weight>', 'weight of the face similarity')
    .requiredOption('--text <weight>', 'weight of the text similarity')
    .action(async (dir: string, options: { face: string, text: string }) => {
      const [face, text] = [parseWeight('--face', options.face), parseWeight('--text', options.text)]
      if (face + text === 0) throw errors.input('a weight above 0', 'two of 0')
      const { spaces } = await readIndexManifest(dir)
      if (TEXT_SPACES.every(space => spaces[space] === undefined)) throw errors.index(dir, 'text vectors, to weigh them', 'faces alone; build it with `vel kb build --texts …`')
      const { name, version } = await updateManifest(dir, { fusion: { normalisation: 'z-score', face, text } })
      print(`${name} ${version}: face ${face}, text ${text}; a server takes it up by POST /index/reload or SIGHUP`)
    })

  kb.command('verify').argument('<dir>', 'index folder').description('check every file of an index against its hash')
    .action(async (dir: string) => {
      const { name, version, files } = await verifyIndex(dir)
      print(`${name} ${version}: ${Object.keys(files).length} files are whole`)
    })
}

/** @throws VEL_ERR_INPUT */
function parseTexts (given: string): TextSpace[] {
  const names = given.split(',').map(name => name.trim())
  const fields = TEXT_SPACES.filter(space => names.includes(space))
  const known = given.trim() === 'none' || (fields.length > 0 && names.every(name => (TEXT_SPACES as readonly string[]).includes(name)))
  if (!known) throw errors.input(`--texts with some of ${TEXT_SPACES.join(', ')}, or none`, JSON.stringify(given))
  return fields
}

/** @throws VEL_ERR_INPUT */
function parseWeight (option: string, given: string): number {
  const weight = given.trim() === '' ? NaN : Number(given)
  if (weight >= 0 && weight <= 1000) return weight
  throw errors.input(`${option} as a number from 0 to 1000`, JSON.stringify(given))
}

function progressBars (): { update: (stage: BuildStage, done: number, total: number) => void, stop: () => void } {
  let current: { stage: BuildStage, total: number, progress: Progress } | undefined
  const stop = (): void => {
    current?.progress.stop()
    current = undefined
  }
  return {
    stop,
    update (stage, done, total) {
      // The same stage comes again for the next space, with its own number of vectors.
      if (current?.stage !== stage || current.total !== total) {
        stop()
        current = { stage, total, progress: startProgress(STAGES[stage].label, total, STAGES[stage].unit, done) }
      }
      current.progress.update(done)
    }
  }
}

/** A table of what a build used and left out, and the index it made. */
export function describeBuild (dir: string, { manifest, report, resumed }: Built): string {
  const count = (problem: string): number => report.photoProblems.filter(p => p.problem === problem).length
  const table = new Table({ head: ['photos', 'number'], style: { head: [], border: [] }, colAligns: ['left', 'right'] })
  table.push(['in entity files', report.photos.total], ['used', report.photos.used], ['no face', count('no face')], ['unreadable', count('unreadable')], ['missing', count('missing')], ['same photo twice', count('same photo twice')], ['several faces (most prominent taken)', report.severalFaces.length], ['finished by an earlier run', resumed.photos], ['texts finished by an earlier run', resumed.texts], [`pairs of entities alike from ${report.alike.from}`, report.alike.pairs.length])
  const problems = [
    ...report.brokenLines.map(p => `${p.file}:${p.line}: left out: ${p.problem}`),
    ...report.mergedLines.map(p => `${p.file}:${p.line}: merged: ${p.problem}`),
    ...report.alike.pairs.map(p => `${p.ids.join(' and ')}: nearly the same face (${p.similarity}): ${p.photos.join(', ')}`),
    ...report.photoProblems.map(p => `${p.id} ${p.photo}: ${p.problem}: ${p.detail}`)
  ]
  const more = problems.length > PRINTED_PROBLEMS ? [`… and ${problems.length - PRINTED_PROBLEMS} more, in ${dir}/report.json`] : []
  return [table.toString(), ...problems.slice(0, PRINTED_PROBLEMS), ...more, describeIndex(manifest)].join('\n')
}

export function describeIndex (manifest: IndexManifest): string {
  const { name, version, created, pack, counts, decision, files } = manifest
  const table = new Table({ style: { head: [], border: [] }, colAligns: ['left', 'left'] })
  table.push(
    ['index', `${name} ${version}, created ${created}`],
    ['entities', `${counts.entities}, ${counts.withFace} with a face`],
    ['model pack', pack],
    ['linked from', `similarity ${decision.threshold}, margin ${decision.ambiguousMargin}; measured on: ${decision.measuredOn}`],
    ...manifest.fusion === undefined ? [] : [['fused by', `${manifest.fusion.face} face, ${manifest.fusion.text} text`]],
    ['calibrated', manifest.calibration === undefined ? 'no' : 'yes'],
    ['size', `${(Object.values(files).reduce((sum, file) => sum + file.bytes, 0) / 1e6).toFixed(1)} MB`],
    ...Object.entries(manifest.spaces).flatMap(([space, of]) => describeSpace(space, of))
  )
  return table.toString()
}

function describeSpace (name: string, { encoder, dims, vectors, encoding, encodingLoss, search, msPerQuery }: SpaceManifest): Array<[string, string]> {
  const losses = Object.entries(encodingLoss ?? {}).map(([tried, loss]) => `${tried} changes a similarity by at most ${loss.largestError.toFixed(5)} and keeps ${(loss.top1Kept * 100).toFixed(1)} % of first and ${(loss.top10Kept * 100).toFixed(1)} % of ten nearest`)
  const how = search.kind === 'exact' ? 'exact' : search.kind === 'pca' ? `PCA: ${search.dims} directions of all, then ${search.candidates} in full, recall@10 ${search.recallAt10.toFixed(4)}` : `HNSW M ${search.M}, efConstruction ${search.efConstruction}, ef ${search.ef}, recall@10 ${search.recallAt10.toFixed(4)}`
  return [
    [name, `${vectors} vectors of ${dims} numbers as ${encoding}, by ${encoder.name} (recipe ${encoder.recipe.slice(0, 12)})`],
    ...losses.map((loss): [string, string] => ['', loss]),
    ['', `search: ${how}`],
    ['', `query: exact ${msPerQuery.exact} ms${msPerQuery.pca === undefined ? '' : `, PCA ${msPerQuery.pca} ms`}${msPerQuery.hnsw === undefined ? '' : `, HNSW ${msPerQuery.hnsw} ms`}`]
  ]
}
