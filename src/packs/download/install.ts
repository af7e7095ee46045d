// From a partial file that has arrived to the file in its place.
import { rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errors } from '../../errors.ts'
import { sha256File, syncFile, syncFolder } from '../../files.ts'
import { recordHashes, type Hashes } from '../hashes.ts'
import type { InspectedFile } from '../verify.ts'
import { writeError } from './errors.ts'
import { partialPath } from './partial.ts'

/** Null where the partial file is what is expected, or where nothing is known of what to expect. */
export async function arrivalError (pack: string, part: InspectedFile, signal: AbortSignal): Promise<Error | null> {
  const sha256 = await sha256File(partialPath(part.place), signal)
  if (part.expected === null || sha256 === part.expected) return null
  const otherwise = part.file.sha256 === null
    ? 'the publisher may have changed the file: to accept the new one, remove its entry from hashes.json in MODELS_DIR'
    : 'a broken or another file, which was removed: fetch again, and if it stays, tell the publisher or the mirror'
  return errors.fetchFailed(pack, `${part.file.path} with sha256 ${part.expected}`, `sha256 ${sha256}; ${otherwise}`)
}

/** Each file by one rename, so a reader sees the old file or the new one, and after a power cut the disk has either whole. */
export async function putInPlace (pack: string, parts: readonly InspectedFile[]): Promise<void> {
  for (const { place } of parts) {
    try {
      await syncFile(partialPath(place))
      await rename(partialPath(place), place)
      await rm(`${partialPath(place)}.json`, { force: true })
      await syncFolder(dirname(place))
    } catch (error) {
      throw writeError(pack, place, error) ?? error
    }
  }
}

/** Records the hash of files for which neither the manifest nor an earlier fetch has one, and says so. */
export async function recordUnpinned (modelsDir: string, parts: readonly InspectedFile[], onNote: ((sentence: string) => void) | undefined): Promise<void> {
  const added: Hashes = {}
  for (const part of parts.filter(part => part.expected === null)) {
    const sha256 = await sha256File(part.place)
    added[part.file.path] = { sha256 }
    onNote?.(`${part.file.path} has sha256 ${sha256}: recorded in hashes.json, since its manifest carries none.`)
  }
  if (Object.keys(added).length > 0) await recordHashes(modelsDir, added)
}
