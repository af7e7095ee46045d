// Verifies partial files that have arrived and renames them to the files of the pack.
import { rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errors } from '../../errors.ts'
import { sha256File, syncFile, syncFolder } from '../../files.ts'
import { recordHashes, type Hashes } from '../hashes.ts'
import type { InspectedFile } from '../verify.ts'
import { writeError } from './errors.ts'
import { partialPath } from './partial.ts'

/** Null where the partial file has the expected sha256, or where none is known. */
export async function arrivalError (pack: string, located: InspectedFile, signal: AbortSignal): Promise<Error | null> {
  const sha256 = await sha256File(partialPath(located.path), signal)
  if (located.expected === null || sha256 === located.expected) return null
  const otherwise = located.file.sha256 === null
    ? 'the publisher may have changed the file: to accept the new one, remove its entry from hashes.json in MODELS_DIR'
    : 'a broken or another file, which was removed: fetch again, and if it stays, tell the publisher or the mirror'
  return errors.fetchFailed(pack, `${located.file.path} with sha256 ${located.expected}`, `sha256 ${sha256}; ${otherwise}`)
}

/** Renames each partial file: a reader sees the old file or the new one, and after a power cut the disk has one of them whole. */
export async function putInPlace (pack: string, files: readonly InspectedFile[]): Promise<void> {
  for (const { path } of files) {
    try {
      await syncFile(partialPath(path))
      await rename(partialPath(path), path)
      await rm(`${partialPath(path)}.json`, { force: true })
      await syncFolder(dirname(path))
    } catch (error) {
      throw writeError(pack, path, error) ?? error
    }
  }
}

/** Records the hash of files for which neither the manifest nor an earlier fetch has one, and notes it. */
export async function recordUnpinned (
  modelsDir: string,
  files: readonly InspectedFile[],
  onNote: ((sentence: string) => void) | undefined
): Promise<void> {
  const added: Hashes = {}
  for (const { path, file } of files.filter(({ expected }) => expected === null)) {
    const sha256 = await sha256File(path)
    added[file.path] = { sha256 }
    onNote?.(`${file.path} has sha256 ${sha256}: recorded in hashes.json, since its manifest carries none.`)
  }
  if (Object.keys(added).length > 0) await recordHashes(modelsDir, added)
}
