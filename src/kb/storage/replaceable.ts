// What a build may replace: nothing that is not an index.
import { readdir, readFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { z } from 'zod'
import { errors } from '../../errors.ts'
import { MANIFEST_FILE } from './manifest.ts'

/** What makes a manifest that of an index, of whatever format. */
const anyIndex = z.object({ formatVersion: z.int(), version: z.string(), spaces: z.object({}), files: z.record(z.string(), z.unknown()) })

/** Files that file managers leave behind. */
const IGNORED: readonly string[] = [MANIFEST_FILE, '.DS_Store', 'Thumbs.db', 'desktop.ini']

/**
 * Requires that `dir` is absent, an empty folder, or an index without other files, and not the working directory or a parent of
 * it, even if empty.
 *
 * @throws VEL_ERR_INDEX where replacing it would delete something else.
 */
export async function requireReplaceable (dir: string): Promise<void> {
  const refuse = (received: string): Error =>
    errors.index(dir, 'a folder that is absent, empty or an index, since it is replaced whole', `${received}; choose another folder`)
  if (/^(\.\.([/\\]\.\.)*)?$/.test(relative(process.cwd(), resolve(dir)))) throw refuse('the working directory or a folder around it')
  const names = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    if (error.code === 'ENOTDIR') throw refuse('a file')
    throw refuse(error.message)
  })
  if (names.length === 0) return
  const listed = await listedFiles(dir)
  if (listed === null) throw refuse(`a folder with ${names[0]!} and no manifest of an index`)
  const other = names.find(name => !listed.includes(name) && !IGNORED.includes(name))
  if (other !== undefined) throw refuse(`an index with ${other} beside its files`)
}

/** @returns names of the files that the index's manifest lists; null where there is no such manifest. */
async function listedFiles (dir: string): Promise<readonly string[] | null> {
  try {
    return Object.keys(anyIndex.parse(JSON.parse(await readFile(join(dir, MANIFEST_FILE), 'utf8'))).files)
  } catch {
    return null
  }
}
