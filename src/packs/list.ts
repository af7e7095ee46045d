// Which packs there are: the project's own and those in MODELS_DIR.
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inspectPack } from './verify.ts'
import { OWN_MODELS_DIR, packManifest, readPackManifest, type PackManifest } from './manifest.ts'

export interface ListedPack {
  readonly name: string
  /** Null where the manifest is not valid; then `fault` says why. */
  readonly manifest: PackManifest | null
  /** `partly`: some files are there and right, none is damaged. */
  readonly state: 'present' | 'partly' | 'absent' | 'damaged' | 'invalid'
  readonly fault?: string
}

/** Every pack by name; a folder without a manifest is none. Hashes every file that is there. */
export async function listPacks (modelsDir: string): Promise<ListedPack[]> {
  const listed: ListedPack[] = []
  for (const name of await packNames(modelsDir)) {
    try {
      const manifest = await readPackManifest(name, modelsDir)
      const states = (await inspectPack(manifest, modelsDir)).map(part => part.state)
      const state = states.includes('damaged') ? 'damaged' : !states.includes('absent') ? 'present' : states.includes('present') ? 'partly' : 'absent'
      listed.push({ name, manifest, state })
    } catch (error) {
      listed.push({ name, manifest: null, state: 'invalid', fault: (error as Error).message })
    }
  }
  return listed
}

async function packNames (modelsDir: string): Promise<string[]> {
  const names = new Set<string>()
  for (const folder of [modelsDir, fileURLToPath(OWN_MODELS_DIR)]) {
    for (const name of await readdir(folder).catch(() => [])) {
      if (packManifest.shape.name.safeParse(name).success && await isFile(join(folder, name, 'manifest.json'))) names.add(name)
    }
  }
  return [...names].sort()
}

async function isFile (path: string): Promise<boolean> {
  return await stat(path).then(s => s.isFile(), () => false)
}
