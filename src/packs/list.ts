// The packs that exist: the project's own and those in MODELS_DIR.
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inspectPack } from './verify.ts'
import { OWN_MODELS_DIR, packManifest, readPackManifest, type PackManifest } from './manifest.ts'

export interface ListedPack {
  readonly name: string
  /** Null where the manifest is not valid; then `problem` has the reason. */
  readonly manifest: PackManifest | null
  /** `partly`: some files are present, others absent, none is damaged. */
  readonly state: 'present' | 'partly' | 'absent' | 'damaged' | 'invalid'
  readonly problem?: string
}

/** Lists all packs in the order of their names; a folder without a manifest is not a pack. Hashes every file that exists. */
export async function listPacks (modelsDir: string): Promise<ListedPack[]> {
  const listed: ListedPack[] = []
  for (const name of await packNames(modelsDir)) {
    try {
      const manifest = await readPackManifest(name, modelsDir)
      const states = (await inspectPack(manifest, modelsDir)).map(({ state }) => state)
      listed.push({ name, manifest, state: overall(states) })
    } catch (error) {
      listed.push({ name, manifest: null, state: 'invalid', problem: (error as Error).message })
    }
  }
  return listed
}

function overall (states: ReadonlyArray<'present' | 'absent' | 'damaged'>): ListedPack['state'] {
  if (states.includes('damaged')) return 'damaged'
  if (!states.includes('absent')) return 'present'
  return states.includes('present') ? 'partly' : 'absent'
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
