// `vel kb …`: builds, describes, weighs and verifies index folders.
import { basename, resolve } from 'node:path'
import { Option, type Command } from 'commander'
import { SEARCH_KINDS, type SearchKind } from '../kb/build/choose-search.ts'
import { buildIndex } from '../kb/build/build-index.ts'
import type { BuildStage } from '../kb/build/progress.ts'
import { readIndexManifest, verifyIndex } from '../kb/storage/read-manifest.ts'
import { updateManifest } from '../kb/storage/update-manifest.ts'
import type { PackManifest } from '../packs/manifest.ts'
import type { ClipTextEncoder } from '../models/types.ts'
import type { Log } from '../log.ts'
import type { OpenedEncoder } from '../startup.ts'
import { TEXT_SPACES, type TextSpace } from '../types.ts'
import { errors } from '../errors.ts'
import { collect } from './options.ts'
import { startProgress, type Progress } from './progress.ts'
import { readIndex } from '../kb/search/read-index.ts'
import { findHubs } from '../kb/search/hubs.ts'
import { openIndex } from '../kb/search/open-index.ts'
import { openLiveIndex } from '../kb/live/live-index.ts'
import { withoutTexts } from '../kb/live/overlay.ts'
import { addBlockCommand } from './kb-block.ts'
import { readBlocked } from '../kb/changes/open-changes.ts'
import { describeBuild, describeHubs, describeIndex } from './kb-report.ts'

export interface OpenedTexts { readonly encoder: ClipTextEncoder, close: () => Promise<void> }

interface BuildCommandOptions {
  readonly entities: string[]
  readonly out: string
  readonly pack?: string
  readonly name?: string
  readonly texts?: string
  readonly keepPoor?: boolean
  readonly failUnder?: string
  readonly search: SearchKind
}

export interface KbCommandOptions {
  /** Opens the encoder of a pack, by default the configured one. */
  readonly openEncoder: (packName: string | undefined) => Promise<OpenedEncoder>
  /** Opens the text encoder of a pack. @throws VEL_ERR_PACK where it has none */
  readonly openTexts: (pack: PackManifest) => Promise<OpenedTexts>
  /** Receives what of a change log could not be used. */
  readonly log: Log
  /** Where results are printed; progress goes to standard error. */
  readonly print?: ((text: string) => void) | undefined
}

const STAGES: Readonly<Record<BuildStage, { label: string, unit: string }>> = {
  photos: { label: 'Encoding photos ', unit: 'photos' },
  name: { label: 'Embedding names ', unit: 'texts' },
  name_description: { label: 'Embedding names with descriptions', unit: 'texts' },
  vectors: { label: 'Writing vectors ', unit: 'vectors' },
  graph: { label: 'Building graph  ', unit: 'vectors' },
  cohort: { label: 'Rating faces    ', unit: 'vectors' },
  duplicates: { label: 'Comparing faces ', unit: 'vectors' }
}

/** The text space that `POST /link` uses where an index has several. */
const DEFAULT_TEXTS: TextSpace = 'name_description'

export function addKbCommand (
  program: Command,
  { openEncoder, openTexts, log, print = text => { process.stdout.write(text + '\n') } }: KbCommandOptions
): void {
  const kb = program.command('kb').description('build, describe and verify indexes of people')

  kb.command('build')
    .description('build an index from entity files and their photos; an interrupted build goes on where it was')
    .requiredOption('--entities <file>', 'entity file, JSON lines; may be given several times', collect)
    .requiredOption('--out <dir>', 'index folder; replaced whole when the new one is ready')
    .option('--pack <name>', 'model pack that encodes the photos (default: MODEL_PACK)')
    .option('--name <name>', "name of the index (default: the folder's name)")
    .option(
      '--texts <fields>',
      `texts of each entity to embed with the pack's CLIP: ${TEXT_SPACES.join(', ')}, both with a comma between, or none ` +
        `(default: ${DEFAULT_TEXTS} where the pack has CLIP)`
    )
    .option('--keep-poor', 'use reference photos too whose face says too little')
    .addOption(new Option('--search <kind>', 'how faces and texts are searched').choices(SEARCH_KINDS).default('auto'))
    .option(
      '--fail-under <share>',
      'least share of the photos that must be usable, 0 to 1; else the build fails and the old index stays (default: 0.5)'
    )
    .action(async (options: BuildCommandOptions) => {
      const failUnder = options.failUnder === undefined ? undefined : parseShare('--fail-under', options.failUnder)
      const asked = options.texts === undefined ? undefined : parseTexts(options.texts)
      const opened = await openEncoder(options.pack)
      const bars = progressBars()
      let texts: OpenedTexts | undefined
      try {
        const { pack, encoder, encodingHash: recipe, workers: concurrency, calibration } = opened
        const fields = asked ?? (pack.models.clipImage !== undefined && pack.models.clipText !== undefined ? [DEFAULT_TEXTS] : [])
        texts = fields.length === 0 ? undefined : await openTexts(pack)
        const built = await buildIndex({
          entities: options.entities,
          out: options.out,
          name: options.name ?? basename(resolve(options.out)),
          encoder,
          pack,
          encodingHash: recipe,
          concurrency,
          calibration,
          onNote: sentence => { log.warn(sentence) },
          keepPoor: options.keepPoor,
          failUnder,
          search: options.search,
          texts: texts === undefined ? undefined : { encoder: texts.encoder, fields },
          onProgress: bars.update
        })
        bars.stop()
        print(describeBuild(options.out, built))
      } finally {
        bars.stop()
        await texts?.close()
        await opened.close()
      }
    })

  kb.command('info')
    .argument('<dir>', 'index folder')
    .option('--json', 'the manifest as JSON')
    .description('show what an index holds')
    .action(async (dir: string, options: { json?: boolean }) => {
      const manifest = await readIndexManifest(dir)
      if (options.json === true) {
        print(JSON.stringify(manifest, null, 2))
        return
      }
      const blocked = await readBlocked(dir)
      print(describeIndex(manifest, blocked.size))
      const { entities, spaces: { face } } = await readIndex(dir)
      if (face !== undefined) for (const line of describeHubs(entities, findHubs(face), blocked)) print(line)
    })

  kb.command('weigh')
    .argument('<dir>', 'index folder')
    .description('say how much faces and texts count in mode v2vt with order fusion; only the ratio matters')
    .requiredOption('--face <weight>', 'weight of the face similarity')
    .requiredOption('--text <weight>', 'weight of the text similarity')
    .action(async (dir: string, options: { face: string, text: string }) => {
      const [face, text] = [parseWeight('--face', options.face), parseWeight('--text', options.text)]
      if (face + text === 0) throw errors.input('a weight above 0', 'two of 0')
      const { spaces } = await readIndexManifest(dir)
      if (TEXT_SPACES.every(space => spaces[space] === undefined)) {
        throw errors.index(dir, 'text vectors, to weigh them', 'faces alone; build it with `vel kb build --texts …`')
      }
      const { name, version } = await updateManifest(dir, { fusion: { normalisation: 'z-score', face, text } })
      print(`${name} ${version}: face ${face}, text ${text}; a server takes it up by POST /index/reload or SIGHUP`)
    })

  addBlockCommand(kb, log, print)

  kb.command('compact')
    .argument('<dir>', 'index folder; replaced whole when the new one is ready')
    .description('write an index anew with the changes that were made while it was served; a server that runs does so by itself')
    .action(async (dir: string) => {
      // No models are needed: changes hold their embeddings.
      const recipe = (await readIndexManifest(dir)).spaces.face?.encoder.recipe ?? ''
      const live = await openLiveIndex({
        dir,
        open: async () => await openIndex(dir, {}),
        recipe,
        writable: true,
        compactFrom: null,
        say: (level, sentence) => { log[level](sentence) }
      })
      try {
        const changed = live.view().overlay.size
        const silent = withoutTexts(live.view())
        const { name, version, entities } = await live.compact()
        print(`${name} ${version}: ${entities} entities; ${changed} changed ones are now in the index`)
        if (silent.length > 0) {
          print(
            `${silent.length} of them have no text vectors, so that texts do not find them (${silent.slice(0, 10).join(', ')}` +
              `${silent.length > 10 ? ', …' : ''}): put them again where the index's model pack is served, or build the index again`
          )
        }
      } finally {
        await live.close()
      }
    })

  kb.command('verify')
    .argument('<dir>', 'index folder')
    .description('check every file of an index against its hash')
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

/** @throws VEL_ERR_INPUT */
function parseShare (option: string, given: string): number {
  const share = given.trim() === '' ? NaN : Number(given)
  if (share >= 0 && share <= 1) return share
  throw errors.input(`${option} as a number from 0 to 1`, JSON.stringify(given))
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
      // A stage repeats for the next space, with another number of vectors.
      if (current?.stage !== stage || current.total !== total) {
        stop()
        current = { stage, total, progress: startProgress(STAGES[stage].label, total, STAGES[stage].unit, done) }
      }
      current.progress.update(done)
    }
  }
}
