// Real models in this process: the pipeline's tests need no worker.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { openSession } from '../../src/runtime/session.ts'
import { loadModels, type LoadedModels } from '../../src/models/load.ts'
import { readPackManifest } from '../../src/packs/manifest.ts'
import { shared } from './shared.ts'

export const ownModels = fileURLToPath(new URL('../../models', import.meta.url))
export const sharedModels = fileURLToPath(new URL('models', shared))
export const TILES = { searchFacePx: 24, step: 2.5, maxTiles: 200 }
export const SETTINGS = { maxPixels: 1e8, workingPixels: 2.4e7, maxFaces: 100, minFacePx: 8 }

/** Loads a pack on the CPU, one thread; the caller closes it. */
export async function loadPack (name: string, modelsDir = name === 'embedded' ? ownModels : sharedModels): Promise<LoadedModels> {
  if (!existsSync(modelsDir)) {
    throw new Error(`Expected weights in ${modelsDir}, found nothing; run \`npm run vel -- models fetch ${name}\``)
  }
  return await loadModels(
    await readPackManifest(name, modelsDir),
    modelsDir,
    async graph => await openSession(graph, { providers: ['cpu'], threads: 1 }),
    TILES
  )
}
