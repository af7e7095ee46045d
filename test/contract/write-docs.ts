// `npm run docs` writes the tables of settings from the list in src/config.ts; a test compares them.
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { SETTINGS } from '../../src/config.ts'

export const README = new URL('../../README.md', import.meta.url)

const ENV_EXAMPLE = new URL('../../.env.example', import.meta.url)

export function withSettings (readme: string): string {
  return readme.replace(/<!-- settings -->[^]*<!-- \/settings -->/, `<!-- settings -->\n${configTable().trim()}\n<!-- /settings -->`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(README, withSettings(await readFile(README, 'utf8')))
  await writeFile(ENV_EXAMPLE, envExample())
}

function shown (value: { default: string, defaultNote?: string }): string {
  return value.defaultNote ?? `\`${value.default}\``
}

/** Markdown table of every setting, in order. */
export function configTable (): string {
  const rows = Object.values(SETTINGS).map(s => `| \`${s.env}\` | ${shown(s)} | ${s.unit} | ${s.effect} |`)
  return ['| Variable | Default | Unit | Effect |', '|---|---|---|---|', ...rows].join('\n')
}

/** The text of `.env.example`: every setting, commented out, at its default. */
export function envExample (): string {
  const parts = Object.values(SETTINGS).map(s => {
    const note = 'defaultNote' in s ? ` Default: ${s.defaultNote}.` : ''
    const unit = s.unit === '' ? '' : ` [${s.unit}]`
    return `# ${s.effect.replaceAll('`', '')}${unit}${note}\n# ${s.env}=${'defaultNote' in s ? '' : s.default}\n`
  })
  return `# Every setting with its default. Copy to .env, remove the "# " before a name, and change the value.\n\n${parts.join('\n')}`
}
