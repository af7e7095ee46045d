// The tarball of a package, fetched by `npm pack`: with the registry, credentials, proxy and cache that npm is set to.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { z } from 'zod'
import { errors, isVelError } from '../../errors.ts'
import type { NpmSource } from '../manifest.ts'
import { connectionMeaning, stopped, writeError } from './errors.ts'

/** Codes of npm where its cache cannot be written: a service user often has no home folder. */
const CACHE_CODES: readonly string[] = ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR']

/** What `npm --json` writes to stdout where it fails. */
const failure = z.object({ error: z.object({ code: z.string().nullish(), summary: z.string().nullish() }) })

/**
 * Downloads the tarball of a package and verifies its integrity.
 *
 * @param folder exists and is empty; the tarball is written to it.
 * @returns path of the tarball.
 * @throws VEL_ERR_FETCH in one sentence that says what to do.
 */
export async function downloadTarball (source: NpmSource, folder: string, pack: string, signal: AbortSignal): Promise<string> {
  const flags = ['--json', '--ignore-scripts', '--update-notifier=false', '--loglevel=error']
  const args = ['pack', source.npm, '--pack-destination', folder, ...flags]
  try {
    await npm(args, signal).catch(async (error: NodeJS.ErrnoException) => {
      if (signal.aborted || isSpawnError(error) || !CACHE_CODES.includes(error.code ?? '')) throw error
      await npm([...args, '--cache', join(folder, 'cache')], signal)
    })
    const name = (await readdir(folder)).find(file => file.endsWith('.tgz'))
    if (name === undefined) throw new Error('npm wrote no tarball')
    const tarball = join(folder, name)
    if (await integrityOf(tarball, signal) !== source.integrity) throw Object.assign(new Error('another tarball'), { code: 'EINTEGRITY' })
    return tarball
  } catch (error) {
    if (signal.aborted) throw stopped(pack)
    throw await npmError(source, pack, error as NodeJS.ErrnoException, signal)
  }
}

/**
 * Runs the `npm` program.
 *
 * @returns what it writes to stdout.
 * @throws an error with npm's code where it fails, or with the system's where it cannot be started.
 */
async function npm (args: readonly string[], signal: AbortSignal): Promise<string> {
  signal.throwIfAborted()
  // On Windows npm is a batch file, which only a shell runs; the shell splits arguments at spaces.
  const child = process.platform === 'win32'
    ? spawn('npm.cmd', args.map(arg => `"${arg}"`), { shell: true, stdio: ['ignore', 'pipe', 'ignore'] })
    : spawn('npm', args, { stdio: ['ignore', 'pipe', 'ignore'] })
  const kill = (): void => { child.kill() }
  signal.addEventListener('abort', kill)
  try {
    const [stdout, [status]] = await Promise.all([text(child.stdout), once(child, 'close') as Promise<[number | null]>])
    if (status === 0) return stdout
    const { code, summary } = parseFailure(stdout)
    throw Object.assign(new Error(summary ?? `npm ended with status ${status}`), { code: code ?? '' })
  } finally {
    signal.removeEventListener('abort', kill)
  }
}

function parseFailure (stdout: string): z.infer<typeof failure>['error'] {
  try {
    return failure.parse(JSON.parse(stdout)).error
  } catch {
    return {}
  }
}

/** Subresource Integrity of a file: `sha512-` and base64. */
async function integrityOf (path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha512')
  await pipeline(createReadStream(path), hash, { signal })
  return `sha512-${hash.digest('base64')}`
}

function isSpawnError ({ syscall }: NodeJS.ErrnoException): boolean {
  return syscall?.startsWith('spawn') === true
}

async function npmError (source: NpmSource, pack: string, error: NodeJS.ErrnoException, signal: AbortSignal): Promise<Error> {
  if (isVelError(error)) return error
  const { code = '', message } = error
  if (isSpawnError(error)) {
    return errors.fetchFailed(pack, `the program npm to fetch ${source.npm}`,
      `none that can be started (${code}); install npm, which comes with Node.js, and see that PATH has it`)
  }
  const disk = writeError(pack, 'in MODELS_DIR or in npm\'s cache', error)
  if (disk !== null) return disk
  const registry = await readRegistry(signal)
  const expected = `${source.npm} from ${registry.host === 'npm' ? 'the npm registry' : `the npm registry ${registry.host}`}`
  switch (code) {
    case 'EINTEGRITY':
      return errors.fetchFailed(pack, `${expected} with integrity ${source.integrity}`,
        'another or a broken tarball; nothing of it was kept: fetch again, and if it stays, ask who runs the registry')
    case 'E404':
    case 'ETARGET':
      return errors.fetchFailed(pack, expected, 'a registry without it; choose one that has it with `npm config set registry URL`')
    case 'E401':
    case 'E403':
      return errors.fetchFailed(pack, expected,
        `a refusal (${code.slice(1)}); \`npm login\`, or choose another registry with \`npm config set registry URL\``)
    default:
      return errors.fetchFailed(pack, expected, `${connectionMeaning(code, message, registry)}; check \`npm ping\`, then fetch again`)
  }
}

/** The registry that npm is set to; its host is just `npm` where npm cannot say. */
async function readRegistry (signal: AbortSignal): Promise<Pick<URL, 'host'>> {
  const url = (await npm(['config', 'get', 'registry'], signal).catch(() => '')).trim()
  return URL.canParse(url) ? new URL(url) : { host: 'npm' }
}
