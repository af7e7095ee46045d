import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { README, withSettings } from './write-docs.ts'

const root = new URL('../../', import.meta.url)
const documents = [
  'README.md', 'CONTRIBUTING.md', 'docker/README.md', 'docker/CUDA.md', 'index/README.md', 'models/README.md', 'test/README.md'
]
const read = async (name: string): Promise<string> => await readFile(new URL(name, root), 'utf8')

it('the README\'s table of settings is the code\'s: `npm run docs` writes it', async () => {
  const readme = await readFile(README, 'utf8')
  expect(readme).toContain('| `MAX_IMAGE_PIXELS` |')
  expect(withSettings(readme)).toBe(readme)
})

it.each(documents)('%s names npm scripts that exist', async name => {
  const scripts = (JSON.parse(await read('package.json')) as { scripts: Record<string, string> }).scripts
  for (const [, script] of (await read(name)).matchAll(/npm run ([\w:-]+)/g)) expect(Object.keys(scripts)).toContain(script)
})

it.each(documents)('%s links to files that exist, and names source files that exist', async name => {
  const text = await read(name)
  for (const [, target] of text.matchAll(/\]\(([^)#:]+)\)/g)) expect(existsSync(new URL(target!, new URL(name, root))), target).toBe(true)
  for (const [, path] of text.matchAll(/`((?:src|test|docker|\.ci)\/[\w./-]+\.\w+)`/g)) {
    expect(existsSync(new URL(path!, root)), path).toBe(true)
  }
})
