// One GET that follows redirects, but never to plain http.
import { AbortError } from 'p-retry'
import { request, type Dispatcher } from 'undici'
import { errors } from '../../errors.ts'

export interface RequestSettings {
  readonly pack: string
  readonly dispatcher: Dispatcher
  readonly signal: AbortSignal
  /** Allows plain http to this machine, for a local mirror or a test. */
  readonly allowLoopbackHttp: boolean
}

const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308]

const MAX_REDIRECTS = 10

/** Statuses that are worth another attempt; every other 4xx is final. */
const TRANSIENT: readonly number[] = [408, 421, 425, 429]

/**
 * @throws AbortError (no retry) of VEL_ERR_FETCH where the server refuses or a redirect is not usable; VEL_ERR_FETCH with
 * `retryAfterMs` for a transient error; undici's errors where the connection fails.
 */
export async function get (
  url: URL,
  headers: Readonly<Record<string, string>>,
  settings: RequestSettings
): Promise<Dispatcher.ResponseData> {
  const { pack, dispatcher, signal } = settings
  const sent = { 'user-agent': 'visual-entity-linking', 'accept-encoding': 'identity', ...headers }
  let at = url
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    requireSafe(at, url, settings)
    const response = await request(at.href, { headers: sent, dispatcher, signal })
    if (response.statusCode < 300 || response.statusCode === 416) return response
    const { location, 'retry-after': retryAfter } = response.headers
    await response.body.dump()
    if (!REDIRECTS.includes(response.statusCode)) throw refusal(pack, url, at, response.statusCode, String(retryAfter ?? ''))
    if (typeof location !== 'string' || !URL.canParse(location, at.href)) {
      throw stop(pack, url, `a redirect (${response.statusCode}) that leads nowhere; report it to the publisher`)
    }
    at = new URL(location, at)
  }
  throw stop(pack, url, `more than ${MAX_REDIRECTS} redirects; report it to the publisher`)
}

/** The URL without parts that may be secret: user, password, query. */
export function shown (url: URL): string {
  return url.origin + url.pathname
}

/** An error that another attempt would not fix. */
export function stop (pack: string, url: URL, received: string): AbortError {
  return new AbortError(errors.fetchFailed(pack, `the file at ${shown(url)}`, received))
}

function requireSafe (at: URL, from: URL, { pack, allowLoopbackHttp }: RequestSettings): void {
  if (at.protocol === 'https:') return
  if (at.protocol === 'http:' && allowLoopbackHttp && isLoopback(at)) return
  const what = at.href === from.href ? 'an address' : 'a redirect to an address'
  throw stop(pack, from, `${what} that is not https (${shown(at)}); weights are fetched over https only`)
}

export function isLoopback (url: URL): boolean {
  return ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname)
}

function refusal (pack: string, url: URL, at: URL, status: number, retryAfter: string): Error {
  const where = at.origin === url.origin ? '' : ` from ${at.host}, where it redirects,`
  if (status >= 500 || TRANSIENT.includes(status)) {
    const error = errors.fetchFailed(pack, `the file at ${shown(url)}`, `status ${status}${where} in every attempt; try again later`)
    const seconds = Number(retryAfter)
    return Object.assign(error, { retryAfterMs: Number.isFinite(seconds) ? seconds * 1000 : 0 })
  }
  const meaning = status === 401 || status === 403
    ? 'access is refused; the network or the publisher may block it: set MODELS_MIRROR, or put the file in MODELS_DIR by hand'
    : 'the file is not there any more; set MODELS_MIRROR, or put the file in MODELS_DIR by hand'
  return stop(pack, url, `status ${status}${where}: ${meaning}`)
}

/**
 * Replaces scheme and host of `url` by those of `mirror`, and puts the mirror's path before the URL's.
 *
 * @throws VEL_ERR_CONFIG where the mirror is not an https URL (or http to this machine), or carries a password.
 */
export function mirrored (url: string, mirror: string | undefined): URL {
  const original = new URL(url)
  if (mirror === undefined) return original
  const base = URL.canParse(mirror) ? new URL(mirror) : null
  if (base === null || !(base.protocol === 'https:' || (base.protocol === 'http:' && isLoopback(base)))) {
    throw errors.config(`MODELS_MIRROR: expected an https URL, received ${JSON.stringify(base === null ? mirror : base.origin)}`)
  }
  if (base.username !== '' || base.password !== '' || base.search !== '') {
    throw errors.config('MODELS_MIRROR: expected a URL without user name, password or query, received one with it')
  }
  return new URL(base.origin + base.pathname.replace(/\/+$/, '') + original.pathname + original.search)
}
