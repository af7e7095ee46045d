// Brings the weights of a pack into MODELS_DIR: verified before they take their place, resumed where a run was cut.
import { errors } from '../../errors.ts'
import { downloadAll, type FetchOptions } from './download.ts'
import { freeBytes, requireSpace } from './errors.ts'
import { inspectPack, byHandSentence, verifyPack, weightsError, type InspectedFile } from '../verify.ts'
import { putInPlace, recordUnpinned } from './install.ts'
import { withFetchLock } from './lock.ts'
import type { PackManifest } from '../manifest.ts'
import { isCommercial, packLicences, tarballKey } from '../files.ts'
import { partialBytes, partialPath } from './partial.ts'

/** Paths relative to MODELS_DIR. */
export interface FetchReport { readonly fetched: readonly string[], readonly alreadyThere: readonly string[] }

/**
 * Fetches every file of the pack that is missing or damaged. Files take their places together, and only when all have
 * arrived and match; until then what was there stays. One fetch at a time per MODELS_DIR: a second one waits.
 *
 * @throws VEL_ERR_FETCH in one sentence that says what to do; what has arrived is kept for the next run.
 */
export async function fetchPack (manifest: PackManifest, modelsDir: string, options: FetchOptions = {}): Promise<FetchReport> {
  requireAcceptance(manifest, options.acceptLicence ?? false)
  const before = await inspectPack(manifest, modelsDir)
  if (before.every(part => part.state === 'present' && part.expected !== null)) return { fetched: [], alreadyThere: paths(before) }
  return await withFetchLock(manifest.name, modelsDir, options, async signal => {
    const parts = await inspectPack(manifest, modelsDir) // again: another fetch may just have brought them
    const there = parts.filter(part => part.state === 'present')
    const missing = parts.filter(part => part.state !== 'present')
    const byHand = missing.filter(part => part.file.sources.length === 0)
    for (const part of byHand) options.onNote?.(byHandSentence(part))
    const coming = missing.filter(part => part.file.sources.length > 0)
    await requireRoom(manifest.name, modelsDir, coming, options)
    await downloadAll(manifest.name, modelsDir, coming, { ...options, signal })
    await putInPlace(manifest.name, coming)
    await recordUnpinned(modelsDir, [...there, ...coming], options.onNote)
    if (byHand.length > 0) throw errors.fetchFailed(manifest.name, 'a public source of every file', `none for ${paths(byHand).join(', ')}.${byHand.map(part => `\n${byHandSentence(part)}`).join('')}`)
    return { fetched: paths(coming), alreadyThere: paths(there) }
  })
}

/** @throws VEL_ERR_FETCH where a model is not for commercial use and the licences were not accepted. */
export function requireAcceptance (manifest: PackManifest, accepted: boolean): void {
  if (accepted || isCommercial(manifest)) return
  const restricted = packLicences(manifest).filter(l => !l.commercialUse).map(l => `${l.model}: ${l.licence}`)
  throw errors.fetchFailed(manifest.name, `acceptance of ${restricted.join('; ')}`, `none; if your use is allowed, run \`vel models fetch ${manifest.name} --accept-licence\``)
}

const paths = (parts: readonly InspectedFile[]): string[] => parts.map(part => part.file.path)

/** Room for the files and for the tarballs that they come from. Where the manifest does not state a size, it is not counted. */
async function requireRoom (pack: string, modelsDir: string, parts: readonly InspectedFile[], options: FetchOptions): Promise<void> {
  const tarballs = new Map<string, number>()
  let needed = 0
  for (const { place, file } of parts) {
    const source = file.sources[0]!
    needed += Math.max(0, (file.bytes ?? 0) - await partialBytes(partialPath(place)))
    if ('npm' in source) tarballs.set(tarballKey(source), source.bytes ?? 0)
  }
  for (const bytes of tarballs.values()) needed += bytes
  await requireSpace(pack, modelsDir, needed, options.freeBytes ?? freeBytes)
}

/**
 * Verifies the pack, and fetches it before where files are missing, none is damaged, no licence needs acceptance, and
 * all that is missing comes from the npm registry, which the machine has just been installed from.
 *
 * @returns the parts, each with the sha256 that its file really has.
 * @throws VEL_ERR_WEIGHTS with the command to run, where a person must decide; VEL_ERR_FETCH where the fetch fails.
 */
export async function ensurePack (manifest: PackManifest, modelsDir: string, options: FetchOptions = {}): Promise<InspectedFile[]> {
  const parts = await inspectPack(manifest, modelsDir)
  const faults = parts.filter(part => part.state !== 'present')
  if (faults.length === 0) return parts
  const fromNpm = faults.every(part => part.state === 'absent' && part.file.sources.length > 0 && 'npm' in part.file.sources[0]!)
  if (!fromNpm || !isCommercial(manifest)) throw weightsError(manifest.name, modelsDir, faults)
  await fetchPack(manifest, modelsDir, options)
  return await verifyPack(manifest, modelsDir)
}
