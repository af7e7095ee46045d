// The service behind HTTP: the encoding workers, the knowledge base, and the linking of images over both.
import { sha256 } from './files.ts'
import { namedEntities } from './replicas/named-entities.ts'
import type { Engine } from './workers/engine.ts'
import type { LinkCache } from './replicas/link-cache.ts'
import type { IndexInfo, LinkOptions, Entity, LinkedImage, Mode, ModelInfo } from './types.ts'
import { ENCODING_REVISION } from './encode/encode-image.ts'
import { createEditor } from './kb/live/editor.ts'
import { createFinder } from './kb/live/find-entities.ts'
import type { LiveIndex } from './kb/live/live-index.ts'
import type { JudgedModels } from './packs/evidence.ts'
import { createLinkImage, type LinkAgainst } from './link/link-image.ts'
import { servableModes, type PackSpaces } from './link/plan.ts'
import type { EntityQuery, EntityPage, KnowledgeBase, KnowledgeBaseEditor } from './kb/types.ts'

export interface LinkerParts {
  readonly engine: Engine
  readonly live: LiveIndex
  readonly pack: PackSpaces & { readonly models: JudgedModels }
  /** Identity of the face encoder that the engine runs. @see packs/identity.ts */
  readonly recipe: string
  /** Configured workers, and images that may wait for one. */
  readonly workers: number
  readonly maxQueue: number
  readonly cache?:
    | { readonly results: LinkCache, /** What results depend on besides image, options, index and models. */ readonly settings: unknown }
    | undefined
}

export function createLinker ({ engine, live, pack, recipe, workers, maxQueue, cache }: LinkerParts): Linker {
  const find = createFinder()
  const link = createLinkImage({ encoder: engine, pack, models: () => engine.models })
  const linkCached: LinkForCaller =
    cache === undefined
      ? link
      : withCache(link, cache.results, live, (bytes, options, index, caller) =>
        cacheKey(bytes, options, [caller ?? null, ENCODING_REVISION, index, engine.models, recipe, cache.settings])
      )
  const linkImage: Linker['linkImage'] = async (...image) => {
    const linked = await live.use(async kb => await linkCached(kb, ...image))
    // Who was blocked while the image was linked is not named either.
    const { blocked } = live.view()
    return [...namedEntities(linked)].some(id => blocked.has(id)) ? await linkImage(...image) : linked
  }
  return {
    linkImage,
    entity: id => live.view().blocked.has(id) ? undefined : live.view().entity(id),
    images: id => live.view().blocked.has(id) ? [] : live.view().images(id).filter(image => image !== null),
    find: async query => await find(live.view(), query),
    editor: createEditor(live, {
      encoder: engine,
      judged: pack.models,
      recipe,
      embedTexts: pack.models.clipImage === undefined ? null : engine.embedTexts
    }),
    readiness () {
      const stats = engine.stats()
      return {
        ready: stats.workers > 0,
        models: { state: stats.workers > 0 ? 'ready' : 'down', list: engine.models },
        index: { state: 'ready', info: live.view().info },
        cache: { state: cache?.results.state() ?? 'off' },
        modes: servableModes(live.view(), pack),
        blocked: live.view().blocked.size,
        engine: { workers, workersReady: stats.workers, queued: stats.queued, maxQueue, running: stats.busy }
      }
    },
    async close () {
      await engine.close()
      await cache?.results.close()
      await live.close()
    }
  }
}

/** @param caller name of the API key. */
type LinkForCaller = (kb: KnowledgeBase, ...image: Parameters<Linker['linkImage']>) => Promise<LinkedImage>

type KeyOf = (bytes: Uint8Array, options: LinkOptions, index: IndexInfo, caller: string | undefined) => string

/**
 * Links an image only where the result for the same key is not cached. Each caller has results apart: a reply from the cache
 * is faster and has no timings, which would tell whether someone else has sent the photo before.
 */
function withCache (link: LinkAgainst, results: LinkCache, live: Pick<LiveIndex, 'view'>, keyOf: KeyOf): LinkForCaller {
  return async (kb, bytes, options, signal, caller) => {
    const key = keyOf(bytes, options, kb.info, caller)
    const known = await results.get(key)
    if (known !== null) return { ...known, timings: {} }
    const linked = await link(kb, bytes, options, signal)
    // A result of an index that has changed meanwhile is of no use, and may name somebody who was deleted.
    if (live.view().info.version === kb.info.version) void results.set(key, linked)
    return linked
  }
}

/** Equal for equal bytes, options and circumstances, in every process. */
function cacheKey (bytes: Uint8Array, options: LinkOptions, circumstances: unknown): string {
  const image = sha256(bytes)
  const asked = Object.entries(options).filter(([, value]) => value !== undefined).sort(([a], [b]) => a < b ? -1 : 1)
  return sha256(JSON.stringify([image, asked, circumstances]))
}

export type PartState = 'starting' | 'ready' | 'down'

/** State of each part, for `/health/ready` and `/metrics`. */
export interface Readiness {
  readonly ready: boolean
  readonly models: { readonly state: PartState, readonly list: readonly ModelInfo[] }
  readonly index: { readonly state: PartState, readonly info: IndexInfo | null }
  /** `off` without a cache; `down` makes the service slower, never unready. */
  readonly cache: { readonly state: 'off' | 'ready' | 'down' }
  /** Modes that the loaded models and index can serve. */
  readonly modes: readonly Mode[]
  /** Number of ids on the blocklist; for `/metrics` alone. */
  readonly blocked: number
  readonly engine: {
    readonly workers: number
    readonly workersReady: number
    /** Images waiting for a worker, and their limit. */
    readonly queued: number
    readonly maxQueue: number
    /** Images that workers process now. */
    readonly running: number
  }
}

/** The service behind HTTP: all that one process needs to answer requests. */
export interface Linker {
  /**
   * @param caller name of the API key, which has its own cached results.
   * @throws VEL_ERR_OVERLOADED at once where the queue is full; `signal.reason` where it was aborted; what decoding throws.
   */
  readonly linkImage: (bytes: Uint8Array, options: LinkOptions, signal?: AbortSignal, caller?: string) => Promise<LinkedImage>
  /** Undefined for a blocked id too. */
  readonly entity: (id: string) => Entity | undefined
  /** Known ids of an entity's reference photos. */
  readonly images: (id: string) => readonly string[]
  readonly find: (query: EntityQuery) => Promise<EntityPage>
  readonly editor: KnowledgeBaseEditor
  readonly readiness: () => Readiness
  readonly close: () => Promise<void>
}
