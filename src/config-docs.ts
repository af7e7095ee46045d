// The settings for people: the README's table, .env.example, and what the log shows at boot.
import { SETTINGS, type Config } from './config.ts'

const shown = (value: { default: string, defaultNote?: string }): string => value.defaultNote ?? `\`${value.default}\``

/** Markdown table of every setting, in order. */
export function configTable (): string {
  const rows = Object.values(SETTINGS).map(s => `| \`${s.env}\` | ${shown(s)} | ${s.unit} | ${s.effect} |`)
  return ['| Variable | Default | Unit | Effect |', '|---|---|---|---|', ...rows].join('\n')
}

/** The text of `.env.example`: every setting, commented out, at its default. */
export function envExample (): string {
  const parts = Object.values(SETTINGS).map(s => {
    const note = 'defaultNote' in s ? ` Default: ${s.defaultNote}.` : ''
    return `# ${s.effect.replaceAll('`', '')}${s.unit === '' ? '' : ` [${s.unit}]`}${note}\n# ${s.env}=${'defaultNote' in s ? '' : s.default}\n`
  })
  return `# Every setting with its default. Copy to .env, remove the "# " before a name, and change the value.\n\n${parts.join('\n')}`
}

/** The effective configuration, fit for a log: no secret in it. */
export function redactConfig (config: Config): Record<string, unknown> {
  return {
    ...config,
    apiKeys: config.apiKeys.map(key => `${key.name} (${key.scopes.join(', ')})`),
    redisUrl: config.redisUrl === null ? null : withoutPassword(config.redisUrl)
  }
}

function withoutPassword (address: string): string {
  const url = new URL(address)
  if (url.password !== '') url.password = '***'
  url.search = ''
  return url.href
}
