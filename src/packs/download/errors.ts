// Errors of a download as sentences that say what to do.
import { statfs } from 'node:fs/promises'
import { AbortError } from 'p-retry'
import { errors, isVelError } from '../../errors.ts'
import { diskError } from '../../files.ts'
import { shown } from './request.ts'

const PROXY_HINT = '(behind a proxy set HTTPS_PROXY, or set MODELS_MIRROR)'

/** The sentence for a system error about a file; null for any other error. */
export function writeError (pack: string, path: string, error: unknown): Error | null {
  const meaning = diskError(error)
  return meaning === null ? null : errors.fetchFailed(pack, `to write ${path}`, `${meaning}; MODELS_DIR chooses the folder`)
}

/** The sentence for an error of the connection; errors that are already a sentence are returned unchanged. */
export function connectionError (pack: string, url: URL, error: unknown, signal: AbortSignal): Error {
  if (signal.aborted) return new AbortError(stopped(pack))
  if (isVelError(error)) return error
  const { code = '', message } = error as NodeJS.ErrnoException
  const meaning = connectionMeaning(code, message, url)
  return errors.fetchFailed(pack, `the file at ${shown(url)}`, `${meaning} in every attempt; run it again to go on from there`)
}

export function stopped (pack: string): Error {
  return errors.fetchFailed(pack, 'the download to finish', `a stop; run \`vel models fetch ${pack}\` again`)
}

/** @param code of an error of Node, undici or npm. */
export function connectionMeaning (code: string, message: string, { host }: Pick<URL, 'host'>): string {
  if (code.startsWith('UND_ERR_') && code.endsWith('TIMEOUT')) return `nothing from ${host} for too long`
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `no address for ${host} ${PROXY_HINT}`
  if (['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH'].includes(code)) return `no connection to ${host} ${PROXY_HINT}`
  if (/CERT|SELF_SIGNED|UNABLE_TO_/.test(code)) {
    return `a certificate of ${host} that is not trusted (${code}; NODE_EXTRA_CA_CERTS names further authorities)`
  }
  return `a broken connection to ${host} (${code || message})`
}

/** Bytes that an unprivileged user can still write in `folder`. */
export async function freeBytes (folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}

/** @throws VEL_ERR_FETCH where `needed` bytes do not fit in `folder`. */
export async function requireSpace (
  pack: string,
  folder: string,
  needed: number,
  free: (folder: string) => Promise<number>
): Promise<void> {
  const available = await free(folder)
  if (available < needed) {
    throw errors.fetchFailed(pack, `${megabytes(needed)} free in ${folder} (MODELS_DIR)`,
      `${megabytes(available)}; free some, or set MODELS_DIR to another disk`)
  }
}

function megabytes (bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
