// CONTRIBUTING.md describes the tree as it is.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const text = readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8')
const MOST_FILES = 15

/** The text below a heading, up to the next one. */
function section (title: string): string {
  const [, found] = text.split(`\n## ${title}\n`)
  if (found === undefined) throw new Error(`Expected a section "${title}" in CONTRIBUTING.md, found none`)
  return found.split('\n## ')[0]!
}

/** Folders that hold files, `top` itself included, each as `path/`, with the number of its files. */
function foldersOf (top: string): Map<string, number> {
  const folders = new Map<string, number>()
  for (const entry of readdirSync(join(root, top), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const folder = `${entry.parentPath.slice(root.length)}/`
    folders.set(folder, (folders.get(folder) ?? 0) + 1)
  }
  return folders
}

const folders = new Map([...foldersOf('src'), ...foldersOf('bench')])

describe('CONTRIBUTING.md', () => {
  it('has a line for each folder of src and bench, and one for test', () => {
    const listed = [...section('The tree').matchAll(/^(\S+\/) +\S/gm)].map(([, folder]) => folder!)
    expect(listed.toSorted()).toEqual([...folders.keys(), 'test/'].toSorted())
  })

  it.each(['The way of one photo', 'The way of one entity'])('%s names files that exist', title => {
    const files = [...section(title).matchAll(/`(src\/[^`]+)`/g)].map(([, file]) => file!)
    expect(files.length).toBeGreaterThan(9)
    for (const file of files) expect(existsSync(join(root, file)), file).toBe(true)
  })
})

it(`no folder of src and bench holds more than ${MOST_FILES} files`, () => {
  for (const [folder, count] of folders) expect(count, folder).toBeLessThanOrEqual(MOST_FILES)
})
