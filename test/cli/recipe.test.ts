import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, it } from 'vitest'
import { recipeOf } from '../../src/cli/recipe.ts'
import { readPackManifest, withViews } from '../../src/packs/manifest.ts'

it('a recipe changes with the models, the settings and the code of the worker, and with nothing else', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'vel-recipe-'))
  const program = pathToFileURL(join(folder, 'worker.ts'))
  const write = async (name: string, text: string): Promise<void> => { await writeFile(join(folder, name), text) }
  await write('worker.ts', "import sharp from 'sharp'\nimport { a } from './a.ts'\n")
  await write('a.ts', "export { b } from './b.ts'\nimport './worker.ts'\n")
  await write('b.ts', 'export const b = 1\n')
  await write('other.ts', 'export const other = 1\n')
  const pack = await readPackManifest('embedded', 'models')
  const recipe = async (of = pack, settings: object = { minFacePx: 8 }): Promise<string> => await recipeOf(of, settings, program)
  const first = await recipe()
  await write('other.ts', 'export const other = 2\n')
  expect(await recipe({ ...pack, decision: { ...pack.decision, threshold: 0 } })).toBe(first)
  expect(await recipe(withViews(pack, 'plain'))).not.toBe(first)
  expect(await recipe(pack, { minFacePx: 9 })).not.toBe(first)
  await write('b.ts', 'export const b = 2\n')
  expect(await recipe()).not.toBe(first)
})

it('follows the real worker to the code that decodes, aligns and embeds', async () => {
  const pack = await readPackManifest('embedded', 'models')
  expect(await recipeOf(pack, {})).toMatch(/^[0-9a-f]{64}$/)
  expect(await recipeOf(pack, {})).not.toBe(await recipeOf(pack, {}, new URL('../../src/pipeline/decide.ts', import.meta.url)))
})
