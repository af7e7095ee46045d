// Changes of an index that need no new vectors: what `vel calibrate` and `vel kb weigh` write.
import { join } from 'node:path'
import { writeAtomic } from '../../files.ts'
import { withLock } from './lock.ts'
import { readableFolder, siblingPath, writeError } from './atomic-folder.ts'
import { indexVersion, MANIFEST_FILE, type IndexManifest } from './manifest.ts'
import { readIndexManifest } from './read-manifest.ts'

/**
 * Replaces the manifest of index `dir` by a changed one, with the version that follows from it: cached results of the
 * old decision are then not used. At any moment the old manifest or the new one is there.
 *
 * @throws VEL_ERR_INDEX where the index is not valid, is being built, or cannot be written.
 */
export async function updateManifest (
  dir: string,
  change: Partial<Pick<IndexManifest, 'decision' | 'calibration' | 'fusion'>>
): Promise<IndexManifest> {
  try {
    return await withLock(dir, siblingPath(dir, 'lock'), async () => {
      const changed = { ...await readIndexManifest(dir), ...change }
      const manifest = { ...changed, version: indexVersion(changed) }
      await writeAtomic(join(await readableFolder(dir), MANIFEST_FILE), JSON.stringify(manifest, null, 2) + '\n')
      return manifest
    })
  } catch (error) {
    throw writeError(dir, error)
  }
}
