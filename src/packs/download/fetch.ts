// Brings the weights of a pack into MODELS_DIR: verified before they take their place, resumed where a run was cut.
import { errors } from '../../errors.ts'
import { bringAll } from './download.ts'
import { freeBytes, requireSpace } from './disk-space.ts'
import { inspectPack, type InspectedPart } from '../inspect.ts'
import { putInPlace, recordUnpinned } from './install.ts'
import { withFetchLock } from './lock.ts'
import type { PackManifest } from '../manifest.ts'
import type { NpmOptions } from '../npm-options.ts'
import { isCommercial, packLicences } from '../files.ts'
import { partialBytes, partialPath } from './partial.ts'
import { byHandSentence } from '../verify.ts'

export interface FetchOptions {
  /** npm's configuration: `readNpmOptions`. */
  readonly npm: NpmOptions
  /** The licences have been read and are accepted; needed where a model is not for commercial use. */
  readonly acceptLicence?: boolean
  /** Base URL in place of scheme and host of https sources. */
  readonly mirror?: string | undefined
  readonly signal?: AbortSignal | undefined
  /** Bytes that have come and bytes that will have; both may change as sizes become known. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void
  /** A sentence for the user: what is waited for, recorded, or to be done by hand. */
  readonly onNote?: (sentence: string) => void
  /** Files on their way at once. */
  readonly concurrency?: number
  readonly retries?: number
  readonly backoffMs?: number
  /** A connection on which nothing comes for so long is given up. */
  readonly stallMs?: number
  /** Plain http to this machine; always allowed for a mirror on it. */
  readonly allowLoopbackHttp?: boolean
  /** Bytes free in a folder; `statfs` unless a test says otherwise. */
  readonly freeBytes?: (folder: string) => Promise<number>
}

/** Paths relative to MODELS_DIR. */
export interface FetchReport { readonly fetched: readonly string[], readonly alreadyThere: readonly string[] }

/**
 * Fetches every file of the pack that is missing or damaged. Files take their places together, and only when all have
 * arrived and match; until then what was there stays. One fetch at a time per MODELS_DIR: a second one waits.
 *
 * @throws VEL_ERR_FETCH in one sentence that says what to do; what has arrived is kept for the next run.
 */
export async function fetchPack (manifest: PackManifest, modelsDir: string, options: FetchOptions): Promise<FetchReport> {
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
    await bringAll(manifest.name, coming, { ...options, signal })
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

const paths = (parts: readonly InspectedPart[]): string[] => parts.map(part => part.file.path)

/** Files whose size the manifest does not state are not counted. */
async function requireRoom (pack: string, modelsDir: string, parts: readonly InspectedPart[], options: FetchOptions): Promise<void> {
  let needed = 0
  for (const part of parts) needed += Math.max(0, (part.file.bytes ?? 0) - await partialBytes(partialPath(part.place)))
  await requireSpace(pack, modelsDir, needed, options.freeBytes ?? freeBytes)
}
