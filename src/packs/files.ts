// The files of a pack as a flat list.
import { join } from 'node:path'
import type { NpmSource, PackFile, PackManifest } from './manifest.ts'

/** One file of one role of a pack. */
export interface LocatedFile {
  /** Such as `detector`, or `detector:pnet` where the role has several files. */
  readonly role: string
  /** Where the file is or will be, in MODELS_DIR. */
  readonly place: string
  readonly file: PackFile
}

/** Every file of the pack once; two roles that share a path share the file. */
export function locateFiles (manifest: PackManifest, modelsDir: string): LocatedFile[] {
  const parts = new Map<string, LocatedFile>()
  for (const [role, model] of Object.entries(manifest.models)) {
    const files = Object.entries(model?.files ?? {})
    for (const [name, file] of files) {
      if (!parts.has(file.path)) parts.set(file.path, { role: files.length === 1 ? role : `${role}:${name}`, place: join(modelsDir, file.path), file })
    }
  }
  return [...parts.values()]
}

/** The same for all files that come from one tarball. */
export function tarballKey ({ npm, integrity }: NpmSource): string {
  return `${npm} ${integrity}`
}

export interface Licence { readonly model: string, readonly licence: string, readonly commercialUse: boolean, readonly origin: string }

/** The licences of the pack's weights, one a model. */
export function packLicences (manifest: PackManifest): Licence[] {
  return Object.values(manifest.models).filter(model => model !== undefined).map(({ name, licence, commercialUse, origin }) => ({ model: name, licence, commercialUse, origin }))
}

/** True where every model of the pack may be used commercially. */
export function isCommercial (manifest: PackManifest): boolean {
  return packLicences(manifest).every(l => l.commercialUse)
}
