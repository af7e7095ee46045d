// Files out of one package of the npm registry, by one download of its tarball: streamed, unpacked on the way.
// pacote: npm's own fetcher, with the registry, credentials, proxy, retries and cache that the user gave npm.
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pacote from 'pacote'
import { Parser, type ReadEntry } from 'tar'
import { errors, isVelError } from '../../errors.ts'
import type { NpmSource } from '../manifest.ts'
import type { NpmOptions } from '../npm-options.ts'
import { connectionMeaning, diskError, stopped } from './errors.ts'

/** `entry`: path in the tarball. `bytes`: its size where the manifest states it. */
export interface WantedEntry { readonly entry: string, readonly partial: string, readonly bytes: number | undefined }

export interface NpmSettings {
  readonly pack: string
  readonly options: NpmOptions
  readonly signal: AbortSignal
  /** Bytes of the tarball so far; starts again at 0 when pacote does. */
  readonly onBytes: (bytes: number) => void
}

/**
 * Writes the wanted entries to their partial files; returns only when the whole tarball matched its integrity.
 *
 * @throws VEL_ERR_FETCH in one sentence that says what to do.
 */
export async function downloadNpm (source: NpmSource, wanted: readonly WantedEntry[], settings: NpmSettings): Promise<void> {
  const byEntry = new Map(wanted.map(w => [w.entry, w]))
  try {
    const found = await pacote.tarball.stream(source.npm, async tarball => await unpack(tarball, byEntry, settings), { ...settings.options, integrity: source.integrity, signal: settings.signal })
    const missing = wanted.filter(w => !found.has(w.entry)).map(w => w.entry)
    if (missing.length > 0) throw errors.fetchFailed(settings.pack, `${missing.join(', ')} in ${source.npm}`, 'a package without it; correct `file` in the manifest')
  } catch (error) {
    throw settings.signal.aborted ? stopped(settings.pack) : npmFault(source, settings, error)
  }
}

/** @returns the wanted entries that were there, all of them written and closed. */
async function unpack (tarball: AsyncIterable<Uint8Array> & NodeJS.EventEmitter, wanted: ReadonlyMap<string, WantedEntry>, { pack, signal, onBytes }: NpmSettings): Promise<Set<string>> {
  const found = new Set<string>()
  const writes: Array<Promise<void>> = []
  const failed = new AbortController()
  // After a fault of ours nobody reads the tarball any more, but its own fault may still come; unheard, it would end the process.
  tarball.on('error', () => {})
  const onReadEntry = (entry: ReadEntry): void => {
    const target = entry.type === 'File' ? wanted.get(entry.path) : undefined
    if (target === undefined) {
      entry.resume()
      return
    }
    if (target.bytes !== undefined && entry.size !== target.bytes) throw errors.fetchFailed(pack, `${target.entry} of ${target.bytes} bytes`, `${entry.size} bytes; correct the manifest`)
    found.add(target.entry)
    const write = pipeline(Readable.from(entry), createWriteStream(target.partial), { signal: failed.signal })
    write.catch((error: unknown) => { failed.abort(error) })
    writes.push(write)
  }
  try {
    const parser = new Parser({ strict: true, onReadEntry })
    const ended = once(parser, 'end', { signal: failed.signal })
    ended.catch(() => {}) // awaited below, after the writes
    let bytes = 0
    for await (const chunk of tarball) {
      signal.throwIfAborted()
      failed.signal.throwIfAborted()
      if (!parser.write(chunk)) await Promise.race([once(parser, 'drain', { signal: failed.signal }), ended])
      onBytes(bytes += chunk.byteLength)
    }
    parser.end()
    await ended
    await Promise.all(writes)
    return found
  } catch (error) {
    failed.abort(error)
    await Promise.allSettled(writes)
    throw failed.signal.reason
  }
}

function npmFault (source: NpmSource, { pack, options }: NpmSettings, error: unknown): Error {
  if (isVelError(error)) return error
  const disk = diskError(pack, 'in MODELS_DIR or in npm\'s cache', error)
  if (disk !== null) return disk.originalError
  const { code = '', message } = error as NodeJS.ErrnoException
  const registry = new URL(String(options['registry'])) // npm's configuration always names one
  const expected = `${source.npm} from the npm registry ${registry.host}`
  if (code === 'EINTEGRITY' || code.startsWith('Z_') || code.startsWith('TAR_')) return errors.fetchFailed(pack, `${expected} with integrity ${source.integrity}`, 'another or a broken tarball; nothing of it was kept: fetch again, and if it stays, ask who runs the registry')
  if (code === 'E404' || code === 'ETARGET') return errors.fetchFailed(pack, expected, 'a registry without it; choose one that has it with `npm config set registry URL`')
  if (code === 'E401' || code === 'E403') return errors.fetchFailed(pack, expected, `a refusal (${code.slice(1)}); \`npm login\`, or choose another registry with \`npm config set registry URL\``)
  return errors.fetchFailed(pack, expected, `${connectionMeaning(code, message, registry)}; check \`npm ping\`, then fetch again`)
}
