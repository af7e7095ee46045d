// The manifest of an index folder: read, and compared with the files beside it.
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { errors } from '../../errors.ts'
import { hashFile, readableFolder } from './atomic-folder.ts'
import { FORMAT_VERSION, indexManifest, indexVersion, MANIFEST_FILE, type IndexManifest } from './manifest.ts'

export const REBUILD = 'restore the folder or build it again with `vel kb build`'

/** @throws VEL_ERR_INDEX where there is none, its format is newer, or the manifest is not valid. */
export async function readIndexManifest (dir: string): Promise<IndexManifest> {
  const text = await readFile(join(await readableFolder(dir), MANIFEST_FILE), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') {
      throw errors.index(dir, `a folder with ${MANIFEST_FILE}`, 'none; check INDEX_DIR or build an index with `vel kb build`')
    }
    throw errors.index(dir, `a readable ${MANIFEST_FILE}`, `${error.message}; check its permissions`)
  })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw errors.index(dir, `JSON in ${MANIFEST_FILE}`, `${(error as Error).message}; ${REBUILD}`)
  }
  const format = z.object({ formatVersion: z.int() }).safeParse(value)
  if (format.success && format.data.formatVersion > FORMAT_VERSION) {
    const newer = `${format.data.formatVersion}; update this program or build the index with it`
    throw errors.index(dir, `format version ${FORMAT_VERSION} or older`, newer)
  }
  const parsed = indexManifest.safeParse(value)
  if (!parsed.success) throw errors.index(dir, `a valid ${MANIFEST_FILE}`, `${z.prettifyError(parsed.error)}; ${REBUILD}`)
  const manifest = parsed.data
  const version = indexVersion(manifest)
  if (version !== manifest.version) {
    const found = `${manifest.version}: it was changed by hand; ${REBUILD}`
    throw errors.index(dir, `version ${version} from what ${MANIFEST_FILE} lists`, found)
  }
  return manifest
}

/** Checks size and hash of every file that the manifest lists. @throws VEL_ERR_INDEX naming the first that differs. */
export async function verifyIndex (dir: string): Promise<IndexManifest> {
  const manifest = await readIndexManifest(dir)
  const folder = await readableFolder(dir)
  for (const name of Object.keys(manifest.files)) {
    await checkSize(dir, folder, name, manifest)
    checkHash(dir, name, manifest, (await hashFile(join(folder, name))).sha256)
  }
  return manifest
}

export async function checkSize (dir: string, folder: string, name: string, manifest: IndexManifest): Promise<number> {
  const listed = manifest.files[name]
  if (listed === undefined) throw errors.index(dir, `${name} among the files of ${MANIFEST_FILE}`, `none; ${REBUILD}`)
  const found = await stat(join(folder, name)).catch((error: NodeJS.ErrnoException) => {
    throw errors.index(dir, `a file ${name}`, `${error.code === 'ENOENT' ? 'none' : error.message}; ${REBUILD}`)
  })
  if (found.size !== listed.bytes) {
    throw errors.index(dir, `${name} of ${listed.bytes} bytes`, `${found.size} bytes: it is cut or changed; ${REBUILD}`)
  }
  return found.size
}

export function checkHash (dir: string, name: string, manifest: IndexManifest, sha256: string): void {
  const expected = manifest.files[name]!.sha256
  if (sha256 === expected) return
  const found = `${sha256.slice(0, 12)}…: its content was changed; ${REBUILD}`
  throw errors.index(dir, `${name} with sha256 ${expected.slice(0, 12)}…`, found)
}
