// Verifies a pack before its graphs are opened: every file exists and has the right size and sha256.
import { stat } from 'node:fs/promises'
import pMap from 'p-map'
import { errors } from '../errors.ts'
import { sha256File } from '../files.ts'
import type { PackManifest } from './manifest.ts'
import { readHashes } from './hashes.ts'
import { locateFiles, type LocatedFile } from './files.ts'

/**
 * Verifies every file of the pack; call it once per process, before any graph is opened.
 *
 * @returns the files, each with its actual sha256.
 * @throws VEL_ERR_WEIGHTS naming every missing or damaged file and the command that fetches it.
 */
export async function verifyPack (manifest: PackManifest, modelsDir: string): Promise<InspectedFile[]> {
  const files = await inspectPack(manifest, modelsDir)
  const unusable = files.filter(({ state }) => state !== 'present')
  if (unusable.length > 0) throw weightsError(manifest.name, modelsDir, unusable)
  return files
}

/** The error for missing and damaged weights: a line for each file, then what to do. */
export function weightsError (pack: string, modelsDir: string, unusable: readonly InspectedFile[]): Error {
  const lines = unusable.map(({ file, role, state, problem }) => `\n  ${file.path} (${role}): ${state === 'absent' ? 'missing' : problem}`)
  return errors.weights(pack, `its weights in ${modelsDir} (MODELS_DIR)`, lines.join('') + remedy(pack, unusable))
}

function remedy (pack: string, unusable: readonly InspectedFile[]): string {
  const fetchable = unusable.filter(({ file }) => file.sources.length > 0)
  const byHand = unusable.filter(({ file }) => file.sources.length === 0)
  const damaged = fetchable.some(({ state }) => state === 'damaged')
  return [
    ...(fetchable.length > 0 ? [`\nRun \`vel models fetch ${pack}\`${damaged ? ', which replaces damaged files' : ''}.`] : []),
    ...byHand.map(file => `\n${byHandSentence(file)}`)
  ].join('')
}

/** What to do about a file without a source. */
export function byHandSentence ({ file, path, expected }: InspectedFile): string {
  return `No public source is known for ${file.path}: put it there by hand as ${path}` + (expected === null ? '.' : `, sha256 ${expected}.`)
}

export interface InspectedFile extends LocatedFile {
  readonly state: 'present' | 'absent' | 'damaged'
  /** sha256 in the manifest, else the one that the first fetch recorded, else null: then any content counts as present. */
  readonly expected: string | null
  /** Of the actual file; null where it is absent, or where its size already shows that it is damaged. */
  readonly sha256: string | null
  readonly bytes: number | null
  /** The reason for `damaged`. */
  readonly problem?: string
}

/** Compares the sizes, then the sha256 of files whose size is right. A few files are streamed at a time. */
export async function inspectPack (manifest: PackManifest, modelsDir: string): Promise<InspectedFile[]> {
  const recorded = await readHashes(modelsDir)
  const expectedOf = ({ file }: LocatedFile): string | null => file.sha256 ?? recorded[file.path]?.sha256 ?? null
  return await pMap(locateFiles(manifest, modelsDir), async located => await inspectFile(located, expectedOf(located)), { concurrency: 4 })
}

async function inspectFile (located: LocatedFile, expected: string | null): Promise<InspectedFile> {
  const base = { ...located, expected, sha256: null }
  try {
    const { size } = await stat(located.path)
    const { bytes = size } = located.file
    if (size !== bytes) return { ...base, state: 'damaged', bytes: size, problem: `${size} bytes instead of ${bytes}` }
    const sha256 = await sha256File(located.path)
    if (expected !== null && sha256 !== expected) {
      return { ...base, state: 'damaged', bytes: size, sha256, problem: `sha256 ${sha256} instead of ${expected}` }
    }
    return { ...base, state: 'present', bytes: size, sha256 }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return { ...base, state: 'absent', bytes: null }
    return { ...base, state: 'damaged', bytes: null, problem: `unreadable: ${code === 'EISDIR' ? 'it is a folder' : message}` }
  }
}
