// The service behind the HTTP edge: workers that encode, an index that is searched, and the path that joins them.
import type { Engine } from './engine/engine.ts'
import type { KnowledgeBase, Linker } from './ports.ts'
import { createLinkImage } from './pipeline/link-image.ts'
import { servableModes, type PackSpaces } from './pipeline/modes.ts'

export interface LinkerParts {
  readonly engine: Engine
  readonly kb: KnowledgeBase
  readonly pack: PackSpaces
  /** Workers that there should be, and images that may wait for one. */
  readonly workers: number
  readonly maxQueue: number
}

export function createLinker ({ engine, kb, pack, workers, maxQueue }: LinkerParts): Linker {
  return {
    linkImage: createLinkImage({ encoder: engine, knowledgeBase: () => kb, pack, models: () => engine.models }),
    entity: kb.entity,
    readiness () {
      const stats = engine.stats()
      return {
        ready: stats.workers > 0,
        models: { state: stats.workers > 0 ? 'ready' : 'down', list: engine.models },
        index: { state: 'ready', info: kb.info },
        cache: { state: 'off' },
        modes: servableModes(kb, pack),
        engine: { workers, workersReady: stats.workers, queued: stats.queued, maxQueue, running: stats.busy }
      }
    },
    async close () {
      await engine.close()
      await kb.close()
    }
  }
}
