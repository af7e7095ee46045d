// Downloads the files of a pack into partial files, several at a time, each from the first source that works.
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import pMap from 'p-map'
import { EnvHttpProxyAgent } from 'undici'
import { tarballKey } from '../files.ts'
import type { NpmSource, PackFile, PackSource } from '../manifest.ts'
import type { InspectedFile } from '../verify.ts'
import { arrivalError } from './install.ts'
import { mirrored, isLoopback } from './request.ts'
import { stopped, writeError } from './errors.ts'
import { downloadHttps } from './https.ts'
import { downloadTarball } from './npm.ts'
import { extractFile } from './tarball.ts'
import { partialBytes, partialPath, removePartial } from './partial.ts'

interface Context {
  readonly pack: string
  readonly options: FetchOptions
  readonly signal: AbortSignal
  readonly dispatcher: EnvHttpProxyAgent
  readonly progress: ProgressCount
  readonly tarballOf: (source: NpmSource) => Promise<string>
}

/**
 * Returns when the partial file of every file is complete and verified. The first failure stops the other downloads, whose
 * partial files stay to be resumed.
 */
export async function downloadAll (
  pack: string,
  modelsDir: string,
  files: readonly InspectedFile[],
  options: FetchOptions & { readonly signal: AbortSignal }
): Promise<void> {
  const failed = new AbortController()
  const signal = AbortSignal.any([failed.signal, options.signal])
  const stallMs = options.stallMs ?? 30_000
  // HTTP_PROXY, HTTPS_PROXY and NO_PROXY count, as they do for npm.
  const dispatcher = new EnvHttpProxyAgent({ headersTimeout: stallMs, bodyTimeout: stallMs, connect: { timeout: stallMs } })
  const progress = countProgress(options.onProgress)
  const tarballs = join(modelsDir, '.npm')
  const context: Context = { pack, options, signal, dispatcher, progress, tarballOf: downloadOnce(pack, tarballs, progress, signal) }
  for (const { file } of files) progress.set(keyOf(file, file.sources[0]!), 0, bytesOf(file, file.sources[0]!))
  const problems: unknown[] = []
  try {
    await rm(tarballs, { recursive: true, force: true }) // left by a killed fetch
    await pMap(files, async file => {
      try {
        signal.throwIfAborted()
        await downloadFile(context, file)
      } catch (error) {
        problems.push(error)
        failed.abort()
      }
    }, { concurrency: options.concurrency ?? 3 })
  } finally {
    await dispatcher.destroy()
    await rm(tarballs, { recursive: true, force: true })
  }
  if (options.signal.aborted) throw stopped(pack)
  if (problems.length > 0) throw writeError(pack, modelsDir, problems[0]) ?? problems[0]
}

/** Downloads each tarball once, for all the files that come from it, into a folder inside `folder`. */
function downloadOnce (pack: string, folder: string, progress: ProgressCount, signal: AbortSignal): Context['tarballOf'] {
  const tarballs = new Map<string, Promise<string>>()
  const download = async (source: NpmSource): Promise<string> => {
    await mkdir(folder, { recursive: true })
    const tarball = await downloadTarball(source, await mkdtemp(join(folder, 'package-')), pack, signal)
    const { size } = await stat(tarball)
    progress.set(tarballKey(source), size, size)
    return tarball
  }
  return async source => {
    const tarball = tarballs.get(tarballKey(source)) ?? download(source)
    tarballs.set(tarballKey(source), tarball)
    return await tarball
  }
}

function keyOf (file: PackFile, source: PackSource): string {
  return 'npm' in source ? tarballKey(source) : file.path
}

/** Bytes that a download from the source transfers; 0 where the manifest does not state them. */
function bytesOf (file: PackFile, source: PackSource): number {
  return ('npm' in source ? source.bytes : undefined) ?? file.bytes ?? 0
}

/** Tries the sources in order. */
async function downloadFile (context: Context, located: InspectedFile): Promise<void> {
  const { sources } = located.file
  await mkdir(dirname(located.path), { recursive: true })
  for (const [i, source] of sources.entries()) {
    try {
      return 'npm' in source ? await downloadFromNpm(context, located, source) : await downloadFromUrl(context, located, source.url)
    } catch (error) {
      if (context.signal.aborted || i === sources.length - 1) throw error
      context.progress.set(keyOf(located.file, source), 0, 0)
    }
  }
}

async function downloadFromNpm ({ pack, signal, tarballOf }: Context, located: InspectedFile, source: NpmSource): Promise<void> {
  const partial = partialPath(located.path)
  const tarball = await tarballOf(source)
  try {
    await extractFile(tarball, source, located.file, partial, pack)
    const problem = await arrivalError(pack, located, signal)
    if (problem !== null) throw problem
  } catch (error) {
    await removePartial(partial) // only https resumes
    throw error
  }
}

async function downloadFromUrl (context: Context, located: InspectedFile, source: string): Promise<void> {
  const { pack, options, signal, dispatcher, progress } = context
  const url = mirrored(source, options.mirror)
  const partial = partialPath(located.path)
  const download = async (): Promise<Error | null> => {
    await downloadHttps(url, { ...located.file, sha256: located.expected }, partial, {
      pack,
      dispatcher,
      signal,
      allowLoopbackHttp: options.allowLoopbackHttp ?? (options.mirror !== undefined && isLoopback(url)),
      retries: options.retries ?? 5,
      backoffMs: options.backoffMs ?? 1000,
      onBytes: (bytes, total) => { progress.set(located.file.path, bytes, located.file.bytes ?? total ?? bytes) }
    })
    const problem = await arrivalError(pack, located, signal)
    if (problem !== null) await removePartial(partial)
    return problem
  }
  const resumed = await partialBytes(partial) > 0
  let problem = await download()
  // A crash of an earlier run may have damaged the start of the file: download it again from the beginning.
  if (problem !== null && resumed) problem = await download()
  if (problem !== null) throw problem
}

export interface ProgressCount {
  /** `key`: the download, whose bytes may decrease when it starts again. */
  set: (key: string, doneBytes: number, totalBytes: number) => void
}

export function countProgress (report: ((doneBytes: number, totalBytes: number) => void) | undefined): ProgressCount {
  const downloads = new Map<string, readonly [number, number]>()
  return {
    set (key, doneBytes, totalBytes) {
      downloads.set(key, [doneBytes, totalBytes])
      if (report === undefined) return
      let done = 0
      let total = 0
      for (const [d, t] of downloads.values()) {
        done += d
        total += t
      }
      report(done, total)
    }
  }
}

export interface FetchOptions {
  /** Licences are accepted; required where a model is not for commercial use. */
  readonly acceptLicence?: boolean
  /** Base URL that replaces scheme and host of https sources. */
  readonly mirror?: string | undefined
  readonly signal?: AbortSignal | undefined
  /** Bytes downloaded and bytes in total; both may change as sizes become known. A tarball counts once it is complete. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void
  /** A sentence for the user: a wait, a recorded hash, or a file to put in place by hand. */
  readonly onNote?: (sentence: string) => void
  /** Downloads at a time. */
  readonly concurrency?: number
  /** Retries without progress over https; npm has its own setting. */
  readonly retries?: number
  /** Pause before the first retry over https. */
  readonly backoffMs?: number
  /** An https connection that receives nothing for this long is closed. */
  readonly stallMs?: number
  /** Allows plain http to this machine, which a mirror on it may always use. */
  readonly allowLoopbackHttp?: boolean
  /** Bytes free in a folder; default: `statfs`. */
  readonly freeBytes?: (folder: string) => Promise<number>
}
