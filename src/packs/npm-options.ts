// The user's npm configuration (registry, credentials, proxy, certificates, cache) as options for pacote, which reads
// none of it by itself. npm's own reader, so every .npmrc level and npm_config_* variable means what it means to npm.
import { constants } from 'node:fs'
import { access, mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import Config from '@npmcli/config'
import definitions from '@npmcli/config/lib/definitions/index.js'
import { errors } from '../errors.ts'

/** Options of pacote; opaque here. */
export type NpmOptions = Readonly<Record<string, unknown>>

/**
 * @param env environment variables; read, never changed.
 * @param cwd the folder whose project .npmrc counts.
 * @throws VEL_ERR_CONFIG where npm's configuration cannot be read.
 */
export async function readNpmOptions (env: Readonly<Record<string, string | undefined>>, cwd: string): Promise<NpmOptions> {
  // npm's built-in npmrc lies in its own folder: where npm started us it says so, else npm is beside node.
  const npmCli = env['npm_execpath'] ?? join(dirname(process.execPath), '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js')
  const config = new Config({ ...definitions, npmPath: dirname(dirname(npmCli)), argv: [], env: { ...env }, cwd })
  try {
    await config.load()
  } catch (error) {
    throw errors.config(`npm's configuration cannot be read: ${(error as Error).message}; \`npm config list\` shows it`)
  }
  const { cache, ...options } = config.flat
  // A service user often has no home to cache in; pacote would fail where npm's cache cannot be written.
  return typeof cache === 'string' && await isWritable(cache) ? { ...options, cache } : options
}

async function isWritable (folder: string): Promise<boolean> {
  try {
    await mkdir(folder, { recursive: true })
    await access(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}
