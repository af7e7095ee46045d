// The files of a pack as a flat list.
import { join } from 'node:path'
import type { NpmSource, PackFile, PackManifest } from './manifest.ts'

/** One file of one role of a pack. */
export interface LocatedFile {
  /** Such as `detector`, or `detector:pnet` where the role has several files. */
  readonly role: string
  /** Path of the file in MODELS_DIR, also where the file does not exist yet. `file.path` is relative to MODELS_DIR. */
  readonly path: string
  readonly file: PackFile
}

/** Lists every file of the pack once: two roles that share a path share the file. */
export function locateFiles (manifest: PackManifest, modelsDir: string): LocatedFile[] {
  const located = new Map<string, LocatedFile>()
  for (const [role, model] of Object.entries(manifest.models)) {
    const files = Object.entries(model?.files ?? {})
    for (const [name, file] of files) {
      if (located.has(file.path)) continue
      located.set(file.path, { role: files.length === 1 ? role : `${role}:${name}`, path: join(modelsDir, file.path), file })
    }
  }
  return [...located.values()]
}

/** Identifies a tarball: equal for all files that come from the same one. */
export function tarballKey ({ npm, integrity }: NpmSource): string {
  return `${npm} ${integrity}`
}

export interface Licence { readonly model: string, readonly licence: string, readonly commercialUse: boolean, readonly origin: string }

/** The licences of the pack's weights, one per model. */
export function packLicences (manifest: PackManifest): Licence[] {
  const models = Object.values(manifest.models).filter(model => model !== undefined)
  return models.map(({ name, licence, commercialUse, origin }) => ({ model: name, licence, commercialUse, origin }))
}

/** True where every model of the pack may be used commercially. */
export function isCommercial (manifest: PackManifest): boolean {
  return packLicences(manifest).every(l => l.commercialUse)
}
