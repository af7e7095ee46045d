// Fetches the weights of a pack into MODELS_DIR: verified before they replace a file, resumed after an interrupted run.
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
 * Fetches every file of the pack that is missing or damaged. Existing files are replaced together, once all new ones have
 * arrived and match. One fetch at a time per MODELS_DIR: a second one waits.
 *
 * @throws VEL_ERR_FETCH in one sentence that says what to do; partial files over https are kept for the next run.
 */
export async function fetchPack (manifest: PackManifest, modelsDir: string, options: FetchOptions = {}): Promise<FetchReport> {
  requireAcceptance(manifest, options.acceptLicence ?? false)
  const before = await inspectPack(manifest, modelsDir)
  if (before.every(({ state, expected }) => state === 'present' && expected !== null)) return { fetched: [], alreadyThere: paths(before) }
  return await withFetchLock(manifest.name, modelsDir, options, async signal => {
    const files = await inspectPack(manifest, modelsDir) // again: another fetch may have finished meanwhile
    const present = files.filter(({ state }) => state === 'present')
    const missing = files.filter(({ state }) => state !== 'present')
    const byHand = missing.filter(({ file }) => file.sources.length === 0)
    for (const file of byHand) options.onNote?.(byHandSentence(file))
    const fetchable = missing.filter(({ file }) => file.sources.length > 0)
    await requireRoom(manifest.name, modelsDir, fetchable, options)
    await downloadAll(manifest.name, modelsDir, fetchable, { ...options, signal })
    await putInPlace(manifest.name, fetchable)
    await recordUnpinned(modelsDir, [...present, ...fetchable], options.onNote)
    if (byHand.length > 0) {
      const sentences = byHand.map(file => `\n${byHandSentence(file)}`).join('')
      throw errors.fetchFailed(manifest.name, 'a public source of every file', `none for ${paths(byHand).join(', ')}.${sentences}`)
    }
    return { fetched: paths(fetchable), alreadyThere: paths(present) }
  })
}

/** @throws VEL_ERR_FETCH where a model is not for commercial use and the licences were not accepted. */
export function requireAcceptance (manifest: PackManifest, accepted: boolean): void {
  if (accepted || isCommercial(manifest)) return
  const restricted = packLicences(manifest).filter(l => !l.commercialUse).map(l => `${l.model}: ${l.licence}`)
  throw errors.fetchFailed(manifest.name, `acceptance of ${restricted.join('; ')}`,
    `none; if your use is allowed, run \`vel models fetch ${manifest.name} --accept-licence\``)
}

const paths = (files: readonly InspectedFile[]): string[] => files.map(({ file }) => file.path)

/** Requires room for the files and for the tarballs that they come from, as far as the manifest states their sizes. */
async function requireRoom (pack: string, modelsDir: string, files: readonly InspectedFile[], options: FetchOptions): Promise<void> {
  const tarballs = new Map<string, number>()
  let needed = 0
  for (const { path, file } of files) {
    const source = file.sources[0]!
    needed += Math.max(0, (file.bytes ?? 0) - await partialBytes(partialPath(path)))
    if ('npm' in source) tarballs.set(tarballKey(source), source.bytes ?? 0)
  }
  for (const bytes of tarballs.values()) needed += bytes
  await requireSpace(pack, modelsDir, needed, options.freeBytes ?? freeBytes)
}

/**
 * Verifies the pack. Fetches missing files first, provided that no file is damaged, no licence needs acceptance, and all
 * missing files come from the npm registry, from which the program itself was installed.
 *
 * @returns the files, each with its actual sha256.
 * @throws VEL_ERR_WEIGHTS with the command to run, where a person must decide; VEL_ERR_FETCH where the fetch fails.
 */
export async function ensurePack (manifest: PackManifest, modelsDir: string, options: FetchOptions = {}): Promise<InspectedFile[]> {
  const files = await inspectPack(manifest, modelsDir)
  const unusable = files.filter(({ state }) => state !== 'present')
  if (unusable.length === 0) return files
  const fromNpm = unusable.every(({ state, file: { sources } }) => state === 'absent' && sources.length > 0 && 'npm' in sources[0]!)
  if (!fromNpm || !isCommercial(manifest)) throw weightsError(manifest.name, modelsDir, unusable)
  await fetchPack(manifest, modelsDir, options)
  return await verifyPack(manifest, modelsDir)
}
