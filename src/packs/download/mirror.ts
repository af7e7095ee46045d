// A mirror for https sources: the same paths under another base.
import { errors } from '../../errors.ts'
import { isLoopback } from './request.ts'

/**
 * `mirror` replaces scheme and host of `url`; the mirror's own path comes before the url's.
 *
 * @throws VEL_ERR_CONFIG where the mirror is not an https URL (or http to this machine), or carries a password.
 */
export function mirrored (url: string, mirror: string | undefined): URL {
  const original = new URL(url)
  if (mirror === undefined) return original
  const base = URL.canParse(mirror) ? new URL(mirror) : null
  if (base === null || !(base.protocol === 'https:' || (base.protocol === 'http:' && isLoopback(base)))) throw errors.config(`MODELS_MIRROR: expected an https URL, received ${JSON.stringify(base === null ? mirror : base.origin)}`)
  if (base.username !== '' || base.password !== '' || base.search !== '') throw errors.config('MODELS_MIRROR: expected a URL without user name, password or query, received one with it')
  return new URL(base.origin + base.pathname.replace(/\/+$/, '') + original.pathname + original.search)
}
