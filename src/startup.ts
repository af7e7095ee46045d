// Composes the service from the configuration: a verified model pack, its workers, an index of comparable embeddings, and the
// linker over them. `vel serve`, `vel link` and the other commands start here.
import { createRequire } from 'node:module'
import sharp from 'sharp'
import { sha256 } from './files.ts'
import type { Config } from './config.ts'
import type { Log } from './log.ts'
import { createEngine, type Engine, type EngineOptions } from './workers/engine.ts'
import { ENCODING_REVISION } from './encode/encode-image.ts'
import { openLiveIndex, type LiveIndex, type LiveOptions } from './kb/live/live-index.ts'
import { openIndex, type ExpectedEncoders, type IndexedKnowledgeBase, type OpenOptions } from './kb/search/open-index.ts'
import { sessionOpener } from './runtime/session.ts'
import { loadTextEncoder, type LoadedTextEncoder } from './models/load.ts'
import { MAX_TILES, TILE_STEP } from './models/detectors/tiled.ts'
import { ensurePack } from './packs/download/fetch.ts'
import { clipIdentity, encoderIdentity } from './packs/identity.ts'
import { readPackManifest, withViews, type PackManifest } from './packs/manifest.ts'
import { unjudgedWarning } from './kb/storage/manifest.ts'
import type { Calibration } from './kb/calibration.ts'
import { readPackCalibration } from './kb/pack-calibration.ts'
import { createLinkImage } from './link/link-image.ts'
import { growthWarning } from './link/probability.ts'
import { createLinker, type Linker } from './linker.ts'
import { joinByRedis } from './replicas/join.ts'
import { TEXT_SPACES, type LinkImage, type MentionEncoder } from './types.ts'

export interface OpenedEncoder {
  readonly encoder: MentionEncoder
  readonly pack: PackManifest
  /** @see encodingHash */
  readonly encodingHash: string
  /** Photos encoded at once. */
  /** Of the pack, for an index without its own. */
  readonly calibration?: Calibration | undefined
  readonly workers: number
  close: () => Promise<void>
}

export interface OpenedLinker { readonly linkImage: LinkImage, close: () => Promise<void> }

/**
 * Opens the service behind HTTP.
 *
 * @throws what opening a pack, an index and workers throws.
 */
export async function openService (config: Config, log: Log): Promise<Linker> {
  const pack = await openPack(config, config.modelPack, log)
  const writable = config.apiKeys.some(({ scopes }) => scopes.includes('kb:write'))
  const live = await openLiveFor(config, pack, writable, log)
  const { base, calibration, info } = live.view()
  const growth = calibration === undefined ? null : growthWarning(calibration, info.entities)
  for (const warning of [growth, unjudgedWarning(base.manifest)]) if (warning !== null) log.warn(warning)
  const engine = await openEngine(config, pack, log)
  const { redisUrl } = config
  const cache = redisUrl === null
    ? undefined
    : { results: joinByRedis(redisUrl, live, log), settings: [encodingSettings(config), pack.models] }
  return createLinker({
    engine,
    live,
    pack,
    recipe: encoderIdentity(pack.models.face).recipe,
    workers: config.workers,
    maxQueue: config.maxQueue,
    cache
  })
}

/** Opens what links one image, without the HTTP service. */
export async function openLinker (config: Config, log: Log): Promise<OpenedLinker> {
  const pack = await openPack(config, config.modelPack, log)
  const live = await openLiveFor(config, pack, false, log)
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
 * @param views of a face that replace the pack's.
 */
export async function openEncoder (config: Config, name: string | undefined, log: Log, views?: string): Promise<OpenedEncoder> {
  // Commands limit their own concurrency; the queue's limit is for independent callers.
  const unlimited = { ...config, maxQueue: Infinity }
  const pack = withViews(await openPack(config, name ?? config.modelPack, log), views)
  const encoder = encodeLate(async () => await openEngine(unlimited, pack))
  return {
    encoder,
    pack,
    encodingHash: encodingHash(pack, encodingSettings(config)),
    workers: config.workers,
    calibration: await readPackCalibration(pack.name, config.modelsDir, encoderIdentity(pack.models.face).recipe),
    close: async () => { await encoder.close() }
  }
}

/**
 * Identifies everything an encoded photo depends on: the pack's models, the settings, this program's revision, and the
 * libraries that decode and compute.
 *
 * @returns sha256, hex.
 */
export function encodingHash (pack: PackManifest, settings: object): string {
  const runtime = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string }
  return sha256(JSON.stringify([pack.models, settings, ENCODING_REVISION, sharp.versions, runtime.version]))
}

/** Reads the manifest of pack `name`; fetches missing weights and verifies them. */
export async function openPack ({ modelsDir }: Config, name: string, log: Log): Promise<PackManifest> {
  const pack = await readPackManifest(name, modelsDir)
  await ensurePack(pack, modelsDir, {
    onNote: sentence => { log.info(sentence) },
    onProgress: logProgress(`fetching model pack ${name}`, log)
  })
  return pack
}

/** The settings that decide which mentions a picture has and how they are embedded. */
export function encodingSettings ({ maxImagePixels, workingPixels, maxFaces, minFacePx, searchFacePx }: Config): EngineOptions['settings'] {
  return { maxPixels: maxImagePixels, workingPixels, maxFaces, minFacePx, searchFacePx, step: TILE_STEP, maxTiles: MAX_TILES }
}

/** Starts the pack's workers with the configured limits. */
export async function openEngine (config: Config, pack: PackManifest, log?: Log): Promise<Engine> {
  const { modelsDir, workers, threads, maxQueue, executionProviders, linkTimeoutMs, maxDecodeBytes } = config
  return await createEngine({
    pack,
    modelsDir,
    workers,
    threads,
    maxQueue,
    providers: executionProviders,
    hangMs: Math.max(SHORTEST_HANG_MS, 2 * linkTimeoutMs),
    concurrencyPerWorker: executionProviders[0] === 'cuda' ? CUDA_CONCURRENCY : 1,
    // A limit that refuses pictures and changes none: no part of what identifies an encoded photo.
    settings: { ...encodingSettings(config), maxDecodeBytes },
    log
  })
}

/** An encoder that opens with the first photo it must encode: a cache may hold all of them. */
export function encodeLate (open: () => Promise<Engine>): MentionEncoder {
  let engine: Promise<Engine> | undefined
  return {
    encode: async (...image) => {
      engine ??= open()
      return await (await engine).encode(...image)
    },
    // A failed start has rejected the call to encode.
    close: async () => { await engine?.then(async opened => { await opened.close() }, () => {}) }
  }
}

/** A worker that takes longer than this for one image counts as hung, unless callers wait even longer. */
const SHORTEST_HANG_MS = 60_000

/** Images that a worker with a GPU processes at once, so that their faces form one batch. */
const CUDA_CONCURRENCY = 8

/** Opens the pack's text encoder in this process, which is otherwise idle, with the threads of all workers. */
export async function openTexts (
  { modelsDir, workers, threads, executionProviders: providers }: Config,
  pack: PackManifest,
  log: Log
): Promise<LoadedTextEncoder> {
  const open = sessionOpener({ providers, threads: workers * threads }, sentence => { log.warn(sentence) })
  return await loadTextEncoder(pack, modelsDir, open)
}

/** Opens an index for the pack's embeddings. @throws VEL_ERR_INDEX where they cannot be compared. */
export async function openIndexFor (pack: PackManifest, dir: string, options: OpenOptions = {}): Promise<IndexedKnowledgeBase> {
  return await openIndex(dir, expectedEncoders(pack), options)
}

/** A pack without CLIP compares no texts, so it accepts text vectors of any encoder. */
function expectedEncoders ({ models: { face, clipImage, clipText } }: PackManifest): ExpectedEncoders {
  const texts = clipImage === undefined || clipText === undefined
    ? []
    : TEXT_SPACES.map(space => [space, clipIdentity(clipImage, clipText, space)] as const)
  return { face: encoderIdentity(face), ...Object.fromEntries(texts) }
}

/** Opens the configured index with its changes. @throws VEL_ERR_INDEX where `writable` and another process has it open for writing. */
export async function openLiveFor (
  { indexDir, eraseAfterS, searchThreads }: Config, pack: PackManifest, writable: boolean, log: Log
): Promise<LiveIndex> {
  const say: LiveOptions['say'] = (level, sentence) => { log[level](sentence) }
  return await openLiveIndex({
    dir: indexDir,
    open: async () => await openIndexFor(pack, indexDir, { threads: searchThreads, say }),
    recipe: encoderIdentity(pack.models.face).recipe,
    writable,
    eraseAfterMs: eraseAfterS * 1000,
    say
  })
}

/** Logs every 10 %. @returns a function of bytes done and in total. */
function logProgress (what: string, log: Log): (done: number, total: number) => void {
  let logged = -1
  return (done, total) => {
    const tenth = total > 0 ? Math.floor(10 * done / total) : 0
    if (tenth > logged) log.info(`${what}: ${tenth * 10} % of ${(total / 1e6).toFixed(1)} MB`)
    logged = Math.max(logged, tenth)
  }
}
