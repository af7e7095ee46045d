// The gate before a pack's graphs are opened: every file there, of the right size, with the right sha256.
import { errors } from '../errors.ts'
import { inspectPack, type InspectedPart } from './inspect.ts'
import type { PackManifest } from './manifest.ts'

/**
 * Verifies every file of the pack; call it once a process, before any graph is opened.
 *
 * @returns the parts, each with the sha256 that its file really has.
 * @throws VEL_ERR_WEIGHTS naming every missing or damaged file and the command that brings it.
 */
export async function verifyPack (manifest: PackManifest, modelsDir: string): Promise<InspectedPart[]> {
  const parts = await inspectPack(manifest, modelsDir)
  const faults = parts.filter(part => part.state !== 'present')
  if (faults.length > 0) throw weightsError(manifest.name, modelsDir, faults)
  return parts
}

/** The one sentence about weights that are not as they should be. */
export function weightsError (pack: string, modelsDir: string, faults: readonly InspectedPart[]): Error {
  const lines = faults.map(part => `\n  ${part.file.path} (${part.role}): ${part.state === 'absent' ? 'missing' : part.fault}`)
  return errors.weights(pack, `its weights in ${modelsDir} (MODELS_DIR)`, lines.join('') + remedy(pack, faults))
}

function remedy (pack: string, faults: readonly InspectedPart[]): string {
  const fetchable = faults.filter(part => part.file.sources.length > 0)
  const byHand = faults.filter(part => part.file.sources.length === 0)
  const damaged = fetchable.some(part => part.state === 'damaged')
  return [
    ...(fetchable.length > 0 ? [`\nRun \`vel models fetch ${pack}\`${damaged ? ', which replaces damaged files' : ''}.`] : []),
    ...byHand.map(part => `\n${byHandSentence(part)}`)
  ].join('')
}

/** For files that no public source is known to hold. */
export function byHandSentence (part: InspectedPart): string {
  return `No public source is known for ${part.file.path}: put it there by hand as ${part.place}` + (part.expected === null ? '.' : `, sha256 ${part.expected}.`)
}
