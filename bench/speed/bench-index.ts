// The index that benches search: the starter index, or a small one built once where that is missing.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'
import { cache, root, someEntities } from './photos.ts'

const SMALL = 64

/** @returns its folder. */
export async function benchIndex (): Promise<string> {
  const starter = join(root, 'index/starter')
  if (existsSync(join(starter, 'manifest.json'))) return starter
  const small = join(cache, 'index')
  if (existsSync(join(small, 'manifest.json'))) return small
  await mkdir(cache, { recursive: true })
  const entities = join(cache, 'entities.jsonl')
  await writeFile(entities, await someEntities(SMALL, path => relative(cache, path)))
  await promisify(execFile)(
    process.execPath,
    ['dist/cli/vel.js', 'kb', 'build', '--entities', entities, '--out', small, '--pack', 'embedded'],
    { cwd: root }
  )
  return small
}
