// Downloads the files of a pack into partial files, several at once, each from the first of its sources that serves it.
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
export async function downloadAll (pack: string, modelsDir: string, files: readonly InspectedFile[], options: FetchOptions & { readonly signal: AbortSignal }): Promise<void> {
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
    await rm(tarballs, { recursive: true, force: true }) // of a fetch that was killed
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
async function downloadFile (context: Context, part: InspectedFile): Promise<void> {
  const { sources } = part.file
  await mkdir(dirname(part.place), { recursive: true })
  for (const [i, source] of sources.entries()) {
    try {
      return 'npm' in source ? await downloadFromNpm(context, part, source) : await downloadFromUrl(context, part, source.url)
    } catch (error) {
      if (context.signal.aborted || i === sources.length - 1) throw error
      context.progress.set(keyOf(part.file, source), 0, 0)
    }
  }
}

async function downloadFromNpm ({ pack, signal, tarballOf }: Context, part: InspectedFile, source: NpmSource): Promise<void> {
  const partial = partialPath(part.place)
  const tarball = await tarballOf(source)
  try {
    await extractFile(tarball, source, part.file, partial, pack)
    const problem = await arrivalError(pack, part, signal)
    if (problem !== null) throw problem
  } catch (error) {
    await removePartial(partial) // only https resumes
    throw error
  }
}

async function downloadFromUrl ({ pack, options, signal, dispatcher, progress }: Context, part: InspectedFile, source: string): Promise<void> {
  const url = mirrored(source, options.mirror)
  const partial = partialPath(part.place)
  const download = async (): Promise<Error | null> => {
    await downloadHttps(url, { ...part.file, sha256: part.expected }, partial, {
      pack,
      dispatcher,
      signal,
      allowLoopbackHttp: options.allowLoopbackHttp ?? (options.mirror !== undefined && isLoopback(url)),
      retries: options.retries ?? 5,
      backoffMs: options.backoffMs ?? 1000,
      onBytes: (bytes, total) => { progress.set(part.file.path, bytes, part.file.bytes ?? total ?? bytes) }
    })
    const fault = await arrivalError(pack, part, signal)
    if (fault !== null) await removePartial(partial)
    return fault
  }
  const resumed = await partialBytes(partial) > 0
  let fault = await download()
  // The start was of an earlier run, which a crash may have damaged: once more, from the beginning.
  if (fault !== null && resumed) fault = await download()
  if (fault !== null) throw fault
}

export interface ProgressCount {
  /** `key`: which download. Its bytes may fall when it starts again. */
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
  /** The licences have been read and are accepted; needed where a model is not for commercial use. */
  readonly acceptLicence?: boolean
  /** Base URL in place of scheme and host of https sources. */
  readonly mirror?: string | undefined
  readonly signal?: AbortSignal | undefined
  /** Bytes that have come and bytes that will have; both may change as sizes become known. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void
  /** A sentence for the user: what is waited for, recorded, or to be done by hand. */
  readonly onNote?: (sentence: string) => void
  /** Files on their way at once. */
  readonly concurrency?: number
  readonly retries?: number
  readonly backoffMs?: number
  /** A connection on which nothing comes for so long is given up. */
  readonly stallMs?: number
  /** Plain http to this machine; always allowed for a mirror on it. */
  readonly allowLoopbackHttp?: boolean
  /** Bytes free in a folder; `statfs` unless a test says otherwise. */
  readonly freeBytes?: (folder: string) => Promise<number>
}
