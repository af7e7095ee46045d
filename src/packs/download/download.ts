// Downloads the files of a pack into partial files, several at once, each from the first of its sources that serves it.
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import pMap from 'p-map'
import { EnvHttpProxyAgent } from 'undici'
import type { InspectedFile } from '../verify.ts'
import { arrivalError } from './install.ts'
import { mirrored, isLoopback } from './request.ts'
import { diskError, stopped } from './errors.ts'
import { downloadHttps } from './https.ts'
import { downloadNpm } from './npm.ts'
import { partialBytes, partialPath, removePartial } from './partial.ts'
import type { NpmOptions } from '../npm-options.ts'

interface Bringing {
  readonly pack: string
  readonly options: FetchOptions
  readonly signal: AbortSignal
  readonly dispatcher: EnvHttpProxyAgent
  readonly count: ProgressCount
}

/** Returns when the partial file of every part is whole and right. The first failure stops the rest, which stay to be resumed. */
export async function downloadAll (pack: string, parts: readonly InspectedFile[], options: FetchOptions & { readonly signal: AbortSignal }): Promise<void> {
  const failed = new AbortController()
  const signal = AbortSignal.any([failed.signal, options.signal])
  const stallMs = options.stallMs ?? 30_000
  // HTTP_PROXY, HTTPS_PROXY and NO_PROXY count, as they do for npm.
  const dispatcher = new EnvHttpProxyAgent({ headersTimeout: stallMs, bodyTimeout: stallMs, connect: { timeout: stallMs } })
  const bringing: Bringing = { pack, options, signal, dispatcher, count: countProgress(options.onProgress) }
  const groups = groupByTarball(parts)
  for (const group of groups) bringing.count.set(keyOf(group[0]!), 0, groupBytes(group))
  const faults: unknown[] = []
  try {
    await pMap(groups, async group => {
      try {
        signal.throwIfAborted()
        await bring(bringing, group, 0)
      } catch (error) {
        faults.push(error)
        failed.abort()
      }
    }, { concurrency: options.concurrency ?? 3 })
  } finally {
    await dispatcher.destroy()
  }
  if (options.signal.aborted) throw stopped(pack)
  if (faults.length > 0) throw diskError(pack, dirname(parts[0]!.place), faults[0])?.originalError ?? faults[0]
}

/** Files of one tarball come together. */
function groupByTarball (parts: readonly InspectedFile[]): InspectedFile[][] {
  const groups = new Map<string, InspectedFile[]>()
  for (const part of parts) groups.set(keyOf(part), [...groups.get(keyOf(part)) ?? [], part])
  return [...groups.values()]
}

function keyOf ({ file }: InspectedFile): string {
  const source = file.sources[0]!
  return 'npm' in source ? `${source.npm} ${source.integrity}` : file.path
}

/** What a download of the group is expected to take; 0 where nothing is known yet. */
function groupBytes (group: readonly InspectedFile[]): number {
  const source = group[0]!.file.sources[0]!
  return ('npm' in source ? source.bytes : undefined) ?? group.reduce((sum, part) => sum + (part.file.bytes ?? 0), 0)
}

/** Tries source number `choice` of the files, and the next one where it fails. */
async function bring (bringing: Bringing, parts: readonly InspectedFile[], choice: number): Promise<void> {
  try {
    for (const part of parts) await mkdir(dirname(part.place), { recursive: true })
    const source = parts[0]!.file.sources[choice]!
    if ('npm' in source) await bringFromNpm(bringing, parts, choice)
    else for (const part of parts) await bringFromUrl(bringing, part, source.url)
  } catch (error) {
    if (bringing.signal.aborted || parts.some(part => part.file.sources[choice + 1] === undefined)) throw error
    for (const part of parts) await bring(bringing, [part], choice + 1)
  }
}

async function bringFromNpm ({ pack, options, signal, count }: Bringing, parts: readonly InspectedFile[], choice: number): Promise<void> {
  const sources = parts.flatMap(part => part.file.sources[choice] ?? []).filter(source => 'npm' in source)
  const wanted = parts.map((part, i) => ({ entry: sources[i]!.file, partial: partialPath(part.place), bytes: part.file.bytes }))
  const total = sources[0]!.bytes ?? groupBytes(parts)
  try {
    await downloadNpm(sources[0]!, wanted, { pack, options: options.npm, signal, onBytes: bytes => { count.set(keyOf(parts[0]!), bytes, Math.max(bytes, total)) } })
    for (const part of parts) {
      const fault = await arrivalError(pack, part, signal)
      if (fault !== null) throw fault
    }
  } catch (error) {
    for (const part of parts) await removePartial(partialPath(part.place)) // a tarball is not resumed
    throw error
  }
}

async function bringFromUrl ({ pack, options, signal, dispatcher, count }: Bringing, part: InspectedFile, source: string): Promise<void> {
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
      onBytes: (bytes, total) => { count.set(keyOf(part), bytes, part.file.bytes ?? total ?? bytes) }
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
  /** npm's configuration: `readNpmOptions`. */
  readonly npm: NpmOptions
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
