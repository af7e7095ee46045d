// `npm run docs`: what documents say of the settings, from the one list in src/config.ts. A test holds them equal.
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { configTable, envExample } from '../../src/config-docs.ts'

export const README = new URL('../../README.md', import.meta.url)
const ENV_EXAMPLE = new URL('../../.env.example', import.meta.url)

export function withSettings (readme: string): string {
  return readme.replace(/<!-- settings -->[^]*<!-- \/settings -->/, `<!-- settings -->\n${configTable().trim()}\n<!-- /settings -->`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(README, withSettings(await readFile(README, 'utf8')))
  await writeFile(ENV_EXAMPLE, envExample())
}
