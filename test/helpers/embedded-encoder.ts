// The embedded pack's real encoder in this process, for tests of what is built on it.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { OpenedEncoder } from '../../src/startup.ts'
import { openSession } from '../../src/runtime/session.ts'
import { loadModels } from '../../src/models/load.ts'
import { readPackManifest } from '../../src/packs/manifest.ts'
import { encodeImage } from '../../src/encode/encode-image.ts'

const models = fileURLToPath(new URL('../../models/', import.meta.url))

export const hasEmbeddedPack = existsSync(new URL('../../models/embedded/fr_feature.onnx', import.meta.url))

export async function openEmbeddedEncoder (): Promise<OpenedEncoder> {
  const pack = await readPackManifest('embedded', models)
  const loaded = await loadModels(pack, models, async graph => await openSession(graph, { providers: ['cpu'], threads: 1 }), {
    searchFacePx: 20,
    step: 2.5,
    maxTiles: 200
  })
  const settings = { maxPixels: 1e8, workingPixels: 2.4e7, maxFaces: 100, minFacePx: 8 }
  const encoder = {
    encode: async (bytes: Uint8Array) => await encodeImage(bytes, {}, loaded.models, settings),
    close: async () => { await loaded.close() }
  }
  return { encoder, pack, encodingHash: 'embedded', workers: 2, close: encoder.close }
}
