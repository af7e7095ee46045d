// What several commands start from: a model pack that is whole, its workers, and an index that it can be compared to.
import type { Config } from '../config.ts'
import { createEngine, type Engine, type EngineOptions } from '../engine/engine.ts'
import type { EngineLog } from '../engine/crew.ts'
import { openLive, type LiveKnowledgeBase, type LiveOptions } from '../kb/live.ts'
import { openIndex, type ExpectedEncoders, type IndexedKnowledgeBase, type OpenOptions } from '../kb/open-index.ts'
import { sessionOpener } from '../inference/session.ts'
import { loadTextEncoder, type LoadedTextEncoder } from '../models/load-text.ts'
import { MAX_TILES, TILE_STEP } from '../models/tiled-detector.ts'
import { ensurePack } from '../packs/ensure.ts'
import { clipIdentity, encoderIdentity } from '../packs/identity.ts'
import { readPackManifest, type PackManifest } from '../packs/manifest.ts'
import { readNpmOptions } from '../packs/npm-options.ts'
import { TEXT_SPACES, type MentionEncoder } from '../types.ts'

/** Says a sentence to the person who waits. */
export type Say = (sentence: string) => void

/** Reads the manifest of pack `name` and sees to it that its weights are there and whole. */
export async function openPack ({ modelsDir }: Config, name: string, say: Say): Promise<PackManifest> {
  const pack = await readPackManifest(name, modelsDir)
  await ensurePack(pack, modelsDir, { npm: await readNpmOptions(process.env, process.cwd()), onNote: say, onProgress: sayProgress(`fetching model pack ${name}`, say) })
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
export async function openTexts ({ modelsDir, workers, threads, executionProviders: providers }: Config, pack: PackManifest, say: Say): Promise<LoadedTextEncoder> {
  return await loadTextEncoder(pack, modelsDir, sessionOpener({ providers, threads: workers * threads }, say))
}

/** Opens an index for the embeddings that the pack makes. @throws VEL_ERR_INDEX where they cannot be compared. */
export async function openIndexFor (pack: PackManifest, dir: string, options: OpenOptions = {}): Promise<IndexedKnowledgeBase> {
  return await openIndex(dir, expectedEncoders(pack), options)
}

/** Texts of an index are not compared by a pack without CLIP, so they may then be anyone's. */
function expectedEncoders ({ models: { face, clipImage, clipText } }: PackManifest): ExpectedEncoders {
  const texts = clipImage === undefined || clipText === undefined ? [] : TEXT_SPACES.map(space => [space, clipIdentity(clipImage, clipText, space)] as const)
  return { face: encoderIdentity(face), ...Object.fromEntries(texts) }
}

/** Opens the configured index with its changes. @throws VEL_ERR_INDEX where it is to be `writable` and another process has it open for that. */
export async function openLiveFor ({ indexDir }: Config, pack: PackManifest, writable: boolean, say: LiveOptions['say']): Promise<LiveKnowledgeBase> {
  return await openLive({
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
