// The service behind the HTTP edge: workers that encode, a knowledge base that is searched, and the path that joins them.
import { createHash } from 'node:crypto'
import type { Engine } from './engine/engine.ts'
import type { LinkCache, Linker } from './ports.ts'
import type { IndexInfo, LinkOptions, ModelInfo } from './types.ts'
import { createEditor } from './kb/editor.ts'
import { createFinder } from './kb/find-entities.ts'
import type { LiveKnowledgeBase } from './kb/live.ts'
import { createLinkImage } from './pipeline/link-image.ts'
import { servableModes, type PackSpaces } from './pipeline/modes.ts'

export interface LinkerParts {
  readonly engine: Engine
  readonly live: LiveKnowledgeBase
  readonly pack: PackSpaces
  /** Of the face encoder that the engine runs. */
  readonly recipe: string
  /** Workers that there should be, and images that may wait for one. */
  readonly workers: number
  readonly maxQueue: number
  readonly cache?: { readonly results: LinkCache, /** What results depend on besides image, options, index and models. */ readonly settings: unknown } | undefined
}

export function createLinker ({ engine, live, pack, recipe, workers, maxQueue, cache }: LinkerParts): Linker {
  const find = createFinder()
  const link = createLinkImage({ encoder: engine, pack, models: () => engine.models })
  return {
    linkImage: async (bytes, options, signal) => await live.use(async kb => {
      if (cache === undefined) return await link(kb, bytes, options, signal)
      const key = cacheKey(bytes, options, kb.info, engine.models, [recipe, cache.settings])
      const known = await cache.results.get(key)
      if (known !== null) return { ...known, timings: {} }
      const linked = await link(kb, bytes, options, signal)
      void cache.results.set(key, linked)
      return linked
    }),
    entity: id => live.view().entity(id),
    images: id => live.view().images(id).filter(image => image !== null),
    find: async query => await find(live.view(), query),
    editor: createEditor(live, engine, recipe),
    readiness () {
      const stats = engine.stats()
      return {
        ready: stats.workers > 0,
        models: { state: stats.workers > 0 ? 'ready' : 'down', list: engine.models },
        index: { state: 'ready', info: live.view().info },
        cache: { state: cache?.results.state() ?? 'off' },
        modes: servableModes(live.view(), pack),
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

/** The same for the same question to the same index by the same models, wherever it is asked. */
function cacheKey (bytes: Uint8Array, options: LinkOptions, index: IndexInfo, models: readonly ModelInfo[], settings: unknown): string {
  const image = createHash('sha256').update(bytes).digest('hex')
  const asked = Object.entries(options).filter(([, value]) => value !== undefined).sort(([a], [b]) => a < b ? -1 : 1)
  return createHash('sha256').update(JSON.stringify([image, asked, index, models, settings])).digest('hex')
}
