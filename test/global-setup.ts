// The weights of the embedded pack, fetched where they are missing: `npm ci && npm test` is all that a fresh clone needs.
// And one folder for everything temporary, so that nothing stays behind, whatever a test is killed in.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensurePack } from '../src/packs/download/fetch.ts'
import { readPackManifest } from '../src/packs/manifest.ts'

export default async function setup (): Promise<() => Promise<void>> {
  const modelsDir = fileURLToPath(new URL('../models', import.meta.url))
  const pack = await readPackManifest('embedded', modelsDir)
  await ensurePack(pack, modelsDir, { onNote: sentence => { console.warn(sentence) } })
  const temporary = await mkdtemp(join(tmpdir(), 'vel-test-'))
  process.env['TMPDIR'] = temporary
  return async () => { await rm(temporary, { recursive: true, force: true }) }
}
