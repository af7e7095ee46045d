// From the configuration to running parts: a model pack that is whole, its workers, an index that it can be compared to,
// and the service that they make. `vel serve`, `vel link` and the other commands start from here.
import { createRequire } from 'node:module'
import sharp from 'sharp'
import type { FastifyBaseLogger } from 'fastify'
import { sha256 } from './files.ts'
import type { Config } from './config.ts'
import { createEngine, type Engine, type EngineOptions } from './workers/engine.ts'
import type { EngineLog } from './workers/supervisor.ts'
import { ENCODING_REVISION } from './encode/encode-image.ts'
import { openLiveIndex, type LiveIndex, type LiveOptions } from './kb/live/live-index.ts'
import { openIndex, type ExpectedEncoders, type IndexedKnowledgeBase, type OpenOptions } from './kb/search/open-index.ts'
import { sessionOpener } from './runtime/session.ts'
import { loadTextEncoder, type LoadedTextEncoder } from './models/load.ts'
import { MAX_TILES, TILE_STEP } from './models/detectors/tiled.ts'
import { ensurePack } from './packs/download/fetch.ts'
import { clipIdentity, encoderIdentity } from './packs/identity.ts'
import { readPackManifest, withViews, type PackManifest } from './packs/manifest.ts'
import { createLinkImage } from './link/link-image.ts'
import { growthWarning } from './link/probability.ts'
import { createLinker, type Linker } from './linker.ts'
import { joinByRedis } from './replicas/join.ts'
import { TEXT_SPACES, type LinkImage, type MentionEncoder } from './types.ts'

/** Says a sentence to the person who waits. */
export type Say = (sentence: string) => void

export interface OpenedEncoder {
  readonly encoder: MentionEncoder
  readonly pack: PackManifest
  /** @see encodingHash */
  readonly encodingHash: string
  /** How many photos it works on at once. */
  readonly workers: number
  close: () => Promise<void>
}

export interface OpenedLinker { readonly linkImage: LinkImage, close: () => Promise<void> }

/**
 * Opens the service behind HTTP.
 *
 * @throws what opening a pack, an index and workers throws.
 */
export async function openService (config: Config, log: FastifyBaseLogger): Promise<{ linker: Linker, fatal: Promise<never> }> {
  const pack = await openPack(config, config.modelPack, sentence => { log.info(sentence) })
  const live = await openLiveFor(
    config,
    pack,
    config.apiKeys.some(({ scopes }) => scopes.includes('kb:write')),
    (level, sentence) => {
      log[level](sentence)
    }
  )
  const { calibration, info } = live.view()
  const warning = calibration === undefined ? null : growthWarning(calibration, info.entities)
  if (warning !== null) log.warn(warning)
  const engine = await openEngine(config, pack, log)
  const { redisUrl } = config
  const cache =
    redisUrl === null ? undefined : { results: joinByRedis(redisUrl, live, log), settings: [encodingSettings(config), pack.models] }
  const linker = createLinker({
    engine,
    live,
    pack,
    recipe: encoderIdentity(pack.models.face).recipe,
    workers: config.workers,
    maxQueue: config.maxQueue,
    cache
  })
  return { linker, fatal: engine.fatal }
}

/** Opens the path of an image without a service around it. */
export async function openLinker (config: Config, say: Say): Promise<OpenedLinker> {
  const pack = await openPack(config, config.modelPack, say)
  const live = await openLiveFor(config, pack, false, (_level, sentence) => { say(sentence) })
  const engine = await openEngine(config, pack)
  const link = createLinkImage({ encoder: engine, pack, models: () => engine.models })
  return {
    linkImage: async (...image) => await live.use(async kb => await link(kb, ...image)),
    close: async () => {
      await engine.close()
      await live.close()
    }
  }
}

/**
 * Opens the encoder of pack `name`, by default the configured one; its workers start with the first photo.
 *
 * @param views of a face, to try others than the pack's.
 */
export async function openEncoder (config: Config, name: string | undefined, say: Say, views?: string): Promise<OpenedEncoder> {
  // Commands hold back by themselves: a queue's limit is for callers who cannot know of each other.
  const unlimited = { ...config, maxQueue: Infinity }
  const pack = withViews(await openPack(config, name ?? config.modelPack, say), views)
  const encoder = encodeLate(async () => await openEngine(unlimited, pack))
  return {
    encoder,
    pack,
    encodingHash: encodingHash(pack, encodingSettings(config)),
    workers: config.workers,
    close: async () => {
      await encoder.close()
    }
  }
}

/**
 * All that an encoded photo depends on: the pack's models, the settings, this program's revision, and the libraries that
 * decode and compute.
 *
 * @returns sha256, hex.
 */
export function encodingHash (pack: PackManifest, settings: object): string {
  const runtime = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string }
  return sha256(JSON.stringify([pack.models, settings, ENCODING_REVISION, sharp.versions, runtime.version]))
}

/** Reads the manifest of pack `name` and sees to it that its weights are there and whole. */
export async function openPack ({ modelsDir }: Config, name: string, say: Say): Promise<PackManifest> {
  const pack = await readPackManifest(name, modelsDir)
  await ensurePack(pack, modelsDir, { onNote: say, onProgress: sayProgress(`fetching model pack ${name}`, say) })
  return pack
}

/** What of the configuration decides which mentions a picture has, and how they are embedded. */
export function encodingSettings ({ maxImagePixels, workingPixels, maxFaces, minFacePx, searchFacePx }: Config): EngineOptions['settings'] {
  return { maxPixels: maxImagePixels, workingPixels, maxFaces, minFacePx, searchFacePx, step: TILE_STEP, maxTiles: MAX_TILES }
}

/** Starts the pack's workers with the configured limits. */
export async function openEngine (config: Config, pack: PackManifest, log?: EngineLog): Promise<Engine> {
  const { modelsDir, workers, threads, maxQueue, executionProviders, linkTimeoutMs } = config
  return await createEngine({
    pack,
    modelsDir,
    workers,
    threads,
    maxQueue,
    providers: executionProviders,
    hangMs: Math.max(SHORTEST_HANG_MS, 2 * linkTimeoutMs),
    concurrencyPerWorker: executionProviders[0] === 'cuda' ? CUDA_CONCURRENCY : 1,
    settings: encodingSettings(config),
    log
  })
}

/** Where every photo may have been encoded before: workers start with the first that was not. */
export function encodeLate (open: () => Promise<Engine>): MentionEncoder {
  let engine: Promise<Engine> | undefined
  return {
    encode: async (...image) => {
      engine ??= open()
      return await (await engine).encode(...image)
    },
    // Where it did not start, whoever encoded was told.
    close: async () => { await engine?.then(async opened => { await opened.close() }, () => {}) }
  }
}

/** A worker that has one image for so long is taken for hung, unless callers wait for longer. */
const SHORTEST_HANG_MS = 60_000

/** Images that a worker with a GPU has in hand at a time, so that their faces make one batch. */
const CUDA_CONCURRENCY = 8

/** Opens the pack's text encoder in this process, which has nothing else to do meanwhile, with as many threads as there are workers. */
export async function openTexts (
  { modelsDir, workers, threads, executionProviders: providers }: Config,
  pack: PackManifest,
  say: Say
): Promise<LoadedTextEncoder> {
  return await loadTextEncoder(pack, modelsDir, sessionOpener({ providers, threads: workers * threads }, say))
}

/** Opens an index for the embeddings that the pack makes. @throws VEL_ERR_INDEX where they cannot be compared. */
export async function openIndexFor (pack: PackManifest, dir: string, options: OpenOptions = {}): Promise<IndexedKnowledgeBase> {
  return await openIndex(dir, expectedEncoders(pack), options)
}

/** Texts of an index are not compared by a pack without CLIP, so they may then be anyone's. */
function expectedEncoders ({ models: { face, clipImage, clipText } }: PackManifest): ExpectedEncoders {
  const texts =
    clipImage === undefined || clipText === undefined
      ? []
      : TEXT_SPACES.map(space => [space, clipIdentity(clipImage, clipText, space)] as const)
  return { face: encoderIdentity(face), ...Object.fromEntries(texts) }
}

/** Opens the configured index with its changes. @throws VEL_ERR_INDEX where `writable` and another process has it open for writing. */
export async function openLiveFor (
  { indexDir }: Config,
  pack: PackManifest,
  writable: boolean,
  say: LiveOptions['say']
): Promise<LiveIndex> {
  return await openLiveIndex({
    dir: indexDir,
    open: async () => await openIndexFor(pack, indexDir, { threads: true, say }),
    recipe: encoderIdentity(pack.models.face).recipe,
    writable,
    say
  })
}

/** Says every tenth of the way. */
function sayProgress (what: string, say: Say): (done: number, total: number) => void {
  let said = -1
  return (done, total) => {
    const tenth = total > 0 ? Math.floor(10 * done / total) : 0
    if (tenth > said) say(`${what}: ${tenth * 10} % of ${(total / 1e6).toFixed(1)} MB`)
    said = Math.max(said, tenth)
  }
}
