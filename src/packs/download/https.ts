// Downloads one file from an https URL into its partial file: resumed by Range, retried with backoff.
import { open } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import pRetry, { AbortError } from 'p-retry'
import type { Dispatcher } from 'undici'
import { errors } from '../../errors.ts'
import type { PackFile } from '../manifest.ts'
import { connectionError, writeError } from './errors.ts'
import { partialBytes, readNote, removePartial, writeNote } from './partial.ts'
import { get, shown, stop, type RequestSettings } from './request.ts'

export interface HttpsSettings extends RequestSettings {
  /** Retries without progress; an attempt that makes progress does not count. */
  readonly retries: number
  /** Pause before the first retry; it doubles with each, up to 30 s. */
  readonly backoffMs: number
  /** Bytes in the partial file, and the total where it is known. */
  readonly onBytes: (bytes: number, total: number | undefined) => void
}

/** An attempt that downloads this much does not count as a retry, so a server that cuts every connection still works. */
const PROGRESS_BYTES = 64 * 1024
const LONGEST_WAIT_MS = 30_000

/**
 * Downloads `url` into `partial`, or the rest of it where the partial file is its start. Of the content only the size is
 * verified, where the manifest states it.
 *
 * @throws VEL_ERR_FETCH in one sentence that says what to do; the partial file is kept, for a later run to resume.
 */
export async function downloadHttps (url: URL, file: PackFile, partial: string, settings: HttpsSettings): Promise<void> {
  let best = await partialBytes(partial)
  const attempt = async (): Promise<void> => {
    try {
      await downloadOnce(url, file, partial, settings)
    } catch (error) {
      if (error instanceof AbortError) throw error
      const disk = writeError(settings.pack, partial, error)
      throw disk === null ? connectionError(settings.pack, url, error, settings.signal) : new AbortError(disk)
    }
  }
  await pRetry(attempt, {
    retries: settings.retries,
    minTimeout: settings.backoffMs,
    maxTimeout: LONGEST_WAIT_MS,
    randomize: true,
    signal: settings.signal,
    onFailedAttempt: async ({ error }) => {
      const retryAfterMs = 'retryAfterMs' in error ? Number(error.retryAfterMs) : 0
      if (retryAfterMs > 0) await sleep(Math.min(retryAfterMs, LONGEST_WAIT_MS), undefined, { signal: settings.signal })
    },
    shouldConsumeRetry: async () => {
      const bytes = await partialBytes(partial)
      const progressed = bytes - best >= PROGRESS_BYTES
      best = Math.max(best, bytes)
      return !progressed
    }
  })
}

async function downloadOnce (url: URL, file: PackFile, partial: string, settings: HttpsSettings): Promise<void> {
  const start = await resumePoint(url, file, partial)
  if (start.bytes === file.bytes) return
  const response = await get(url, start.headers, settings)
  const range = /^bytes (\d+)-\d+\/(\d+)$/.exec(String(response.headers['content-range'] ?? ''))
  if (response.statusCode === 416) {
    await response.body.dump()
    // The partial file is complete where its length is the one in `bytes */length`.
    if (file.bytes === undefined && start.bytes > 0 && response.headers['content-range'] === `bytes */${start.bytes}`) return
    await removePartial(partial)
    throw errors.fetchFailed(settings.pack, `the file at ${shown(url)}`, 'status 416 in every attempt; try again later')
  }
  const resumed = response.statusCode === 206
  if (resumed && (range === null || Number(range[1]) !== start.bytes || changed(response, start.validator))) {
    response.body.destroy()
    await removePartial(partial)
    throw errors.fetchFailed(settings.pack, `the rest of the file at ${shown(url)}`,
      'another part of it, or of another version; try again later')
  }
  const length = response.headers['content-length']
  const total = resumed ? Number(range![2]) : length === undefined ? undefined : Number(length)
  requireExpected(url, file, total, response, settings)
  if (!resumed) await writeNote(partial, { url: url.href, validator: validatorOf(response) })
  await append(response.body, file, partial, resumed ? start.bytes : 0, total, url, settings)
}

interface ResumePoint { readonly bytes: number, readonly headers: Record<string, string>, readonly validator: string | null }

/** Where to resume. Without a validator only where the manifest's sha256 would expose a mixture of two versions. */
async function resumePoint (url: URL, file: PackFile, partial: string): Promise<ResumePoint> {
  const bytes = await partialBytes(partial)
  const note = await readNote(partial)
  const validator = note?.url === url.href ? note.validator : null
  const resumable = bytes > 0 && (file.bytes === undefined || bytes <= file.bytes) && (validator !== null || file.sha256 !== null)
  if (!resumable) return { bytes: 0, headers: {}, validator: null }
  return { bytes, headers: { range: `bytes=${bytes}-`, ...(validator !== null ? { 'if-range': validator } : {}) }, validator }
}

/** A value for If-Range: a strong ETag, else the date. */
function validatorOf ({ headers }: Dispatcher.ResponseData): string | null {
  const { etag, 'last-modified': modified } = headers
  if (typeof etag === 'string' && !etag.startsWith('W/')) return etag
  return typeof modified === 'string' ? modified : null
}

/** True where the server ignored If-Range and sends the rest of another version. */
function changed (response: Dispatcher.ResponseData, validator: string | null): boolean {
  const now = validatorOf(response)
  return validator !== null && now !== null && now !== validator
}

/** Refuses a response that cannot be the file before its body is read: a login page, another version, compressed bytes. */
function requireExpected (
  url: URL,
  file: PackFile,
  total: number | undefined,
  { headers, body }: Dispatcher.ResponseData,
  { pack }: HttpsSettings
): void {
  const encoding = headers['content-encoding']
  const wrongSize = total !== undefined && file.bytes !== undefined && total !== file.bytes
  if (!wrongSize && (encoding === undefined || encoding === 'identity')) return
  body.destroy()
  const offered = wrongSize ? `${total} bytes instead of ${file.bytes}` : `bytes compressed by ${String(encoding)}`
  const type = String(headers['content-type'] ?? 'unknown')
  throw stop(pack, url, `${offered} (content type ${type}); a proxy or a mirror may have answered: check MODELS_MIRROR and the network`)
}

async function append (
  body: AsyncIterable<Uint8Array>,
  file: PackFile,
  partial: string,
  from: number,
  total: number | undefined,
  url: URL,
  settings: HttpsSettings
): Promise<void> {
  // NOTE: written through a handle, not piped: a destroyed write stream may still have a write in progress when the next
  // attempt reads the size of the file.
  const handle = await open(partial, from === 0 ? 'w' : 'a')
  let bytes = from
  try {
    for await (const chunk of body) {
      if (bytes + chunk.byteLength > (file.bytes ?? Infinity)) {
        throw stop(settings.pack, url, `more than its ${file.bytes} bytes; report it to the publisher`)
      }
      await handle.writeFile(chunk)
      bytes += chunk.byteLength
      settings.onBytes(bytes, total)
    }
  } finally {
    await handle.close()
  }
  const whole = file.bytes ?? total
  if (whole !== undefined && bytes < whole) {
    throw errors.fetchFailed(settings.pack, `the file at ${shown(url)}`,
      `only ${bytes} of ${whole} bytes in every attempt; run it again to go on from there`)
  }
}
