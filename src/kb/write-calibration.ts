// A calibration into the manifest of an index that is there: everything else stays as it is.
import { link, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Calibration } from '../calibration.ts'
import { readableFolder, replaceFolder } from './folder.ts'
import { indexVersion, MANIFEST_FILE, type IndexManifest } from './format.ts'
import { readIndexManifest } from './read-index.ts'

/**
 * Puts `calibration` in place of one that was there. The index gets a new version, since it now answers otherwise.
 *
 * @throws VEL_ERR_INDEX where there is no valid index, or it cannot be written; what was there is whole then.
 */
export async function writeCalibration (dir: string, calibration: Calibration): Promise<IndexManifest> {
  const before = await readIndexManifest(dir)
  const unversioned = { ...before, calibration }
  const manifest: IndexManifest = { ...unversioned, version: indexVersion(unversioned) }
  const source = await readableFolder(dir)
  await replaceFolder(dir, async folder => {
    for (const name of await readdir(source)) if (name !== MANIFEST_FILE) await linkOrCopy(join(source, name), join(folder, name))
    await writeFile(join(folder, MANIFEST_FILE), JSON.stringify(manifest, null, 2) + '\n')
  })
  return manifest
}

/** The files do not change, so a second name for each is enough; where the file system knows none, a copy. */
async function linkOrCopy (from: string, to: string): Promise<void> {
  await link(from, to).catch(async () => { await writeFile(to, await readFile(from)) })
}
