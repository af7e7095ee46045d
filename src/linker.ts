// The service behind the HTTP edge: workers that encode, a knowledge base that is searched, and the path that joins them.
import type { Engine } from './engine/engine.ts'
import type { Linker } from './ports.ts'
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
}

export function createLinker ({ engine, live, pack, recipe, workers, maxQueue }: LinkerParts): Linker {
  const find = createFinder()
  return {
    linkImage: createLinkImage({ encoder: engine, useKnowledgeBase: live.use, pack, models: () => engine.models }),
    entity: id => live.view().entity(id),
    images: id => live.view().images(id).filter(image => image !== null),
    find: query => find(live.view(), query),
    editor: createEditor(live, engine, recipe),
    readiness () {
      const stats = engine.stats()
      return {
        ready: stats.workers > 0,
        models: { state: stats.workers > 0 ? 'ready' : 'down', list: engine.models },
        index: { state: 'ready', info: live.view().info },
        cache: { state: 'off' },
        modes: servableModes(live.view(), pack),
        engine: { workers, workersReady: stats.workers, queued: stats.queued, maxQueue, running: stats.busy }
      }
    },
    async close () {
      await engine.close()
      await live.close()
    }
  }
}
