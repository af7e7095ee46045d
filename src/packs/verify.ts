// The gate before a pack's graphs are opened: every file there, of the right size, with the right sha256.
import { errors } from '../errors.ts'
import { sha256File } from '../files.ts'
import type { PackManifest } from './manifest.ts'
import { stat } from 'node:fs/promises'
import pMap from 'p-map'
import { readHashes } from './hashes.ts'
import { locateFiles, type LocatedFile } from './files.ts'

/**
 * Verifies every file of the pack; call it once a process, before any graph is opened.
 *
 * @returns the parts, each with the sha256 that its file really has.
 * @throws VEL_ERR_WEIGHTS naming every missing or damaged file and the command that brings it.
 */
export async function verifyPack (manifest: PackManifest, modelsDir: string): Promise<InspectedFile[]> {
  const parts = await inspectPack(manifest, modelsDir)
  const faults = parts.filter(part => part.state !== 'present')
  if (faults.length > 0) throw weightsError(manifest.name, modelsDir, faults)
  return parts
}

/** The one sentence about weights that are not as they should be. */
export function weightsError (pack: string, modelsDir: string, faults: readonly InspectedFile[]): Error {
  const lines = faults.map(part => `\n  ${part.file.path} (${part.role}): ${part.state === 'absent' ? 'missing' : part.fault}`)
  return errors.weights(pack, `its weights in ${modelsDir} (MODELS_DIR)`, lines.join('') + remedy(pack, faults))
}

function remedy (pack: string, faults: readonly InspectedFile[]): string {
  const fetchable = faults.filter(part => part.file.sources.length > 0)
  const byHand = faults.filter(part => part.file.sources.length === 0)
  const damaged = fetchable.some(part => part.state === 'damaged')
  return [
    ...(fetchable.length > 0 ? [`\nRun \`vel models fetch ${pack}\`${damaged ? ', which replaces damaged files' : ''}.`] : []),
    ...byHand.map(part => `\n${byHandSentence(part)}`)
  ].join('')
}

/** For files that no public source is known to hold. */
export function byHandSentence (part: InspectedFile): string {
  return `No public source is known for ${part.file.path}: put it there by hand as ${part.place}` + (part.expected === null ? '.' : `, sha256 ${part.expected}.`)
}

export interface InspectedFile extends LocatedFile {
  readonly state: 'present' | 'absent' | 'damaged'
  /** What the manifest says, else what the first fetch recorded, else null: then any content is taken as present. */
  readonly expected: string | null
  /** Of the file as it is; null where it is absent, or where its size already tells that it is damaged. */
  readonly sha256: string | null
  readonly bytes: number | null
  /** Why it is damaged. */
  readonly fault?: string
}

/** Sizes first, then sha256 of every file whose size is right. Files are read as streams, a few at a time. */
export async function inspectPack (manifest: PackManifest, modelsDir: string): Promise<InspectedFile[]> {
  const recorded = await readHashes(modelsDir)
  return await pMap(locateFiles(manifest, modelsDir), async part => await inspectPart(part, part.file.sha256 ?? recorded[part.file.path]?.sha256 ?? null), { concurrency: 4 })
}

async function inspectPart (part: LocatedFile, expected: string | null): Promise<InspectedFile> {
  const base = { ...part, expected, sha256: null }
  try {
    const { size } = await stat(part.place)
    if (part.file.bytes !== undefined && size !== part.file.bytes) return { ...base, state: 'damaged', bytes: size, fault: `${size} bytes instead of ${part.file.bytes}` }
    const sha256 = await sha256File(part.place)
    if (expected !== null && sha256 !== expected) return { ...base, state: 'damaged', bytes: size, sha256, fault: `sha256 ${sha256} instead of ${expected}` }
    return { ...base, state: 'present', bytes: size, sha256 }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return { ...base, state: 'absent', bytes: null }
    return { ...base, state: 'damaged', bytes: null, fault: `unreadable: ${code === 'EISDIR' ? 'it is a folder' : message}` }
  }
}
