// One file out of a tarball whose integrity is verified.
import { writeFile } from 'node:fs/promises'
import { list } from 'tar'
import { errors } from '../../errors.ts'
import type { PackFile, NpmSource } from '../manifest.ts'

/**
 * Writes the file that `source` names, held in memory meanwhile, to `path`.
 *
 * @throws VEL_ERR_FETCH where the tarball lacks it, or has it in another size than the manifest states.
 */
export async function extractFile (tarball: string, source: NpmSource, file: PackFile, path: string, pack: string): Promise<void> {
  let read: Promise<Buffer> | undefined
  await list({
    file: tarball,
    strict: true,
    filter: (name, entry) => name === source.file && 'type' in entry && entry.type === 'File',
    onReadEntry: entry => { read = entry.concat() as Promise<Buffer> }
  })
  const content = await read
  if (content === undefined) {
    throw errors.fetchFailed(pack, `${source.file} in ${source.npm}`, 'a package without it; correct `file` in the manifest')
  }
  if (file.bytes !== undefined && content.length !== file.bytes) {
    throw errors.fetchFailed(pack, `${source.file} of ${file.bytes} bytes`, `${content.length} bytes; correct the manifest`)
  }
  await writeFile(path, content)
}
