// The weights of the embedded pack, fetched where they are missing: `npm ci && npm test` is all that a fresh clone needs.
import { fileURLToPath } from 'node:url'
import { ensurePack } from '../src/packs/ensure.ts'
import { readPackManifest } from '../src/packs/manifest.ts'
import { readNpmOptions } from '../src/packs/npm-options.ts'

export default async function setup (): Promise<void> {
  const modelsDir = fileURLToPath(new URL('../models', import.meta.url))
  const pack = await readPackManifest('embedded', modelsDir)
  await ensurePack(pack, modelsDir, { npm: await readNpmOptions(process.env, process.cwd()), onNote: sentence => { console.warn(sentence) } })
}
