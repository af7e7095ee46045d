// Fetches images by URL, only from hosts that the configuration names and never from private addresses.
import { lookup as dnsLookup, type LookupAddress, type LookupOptions } from 'node:dns'
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import { Agent, request, type Dispatcher } from 'undici'
import { errors, isVelError } from '../../errors.ts'
import { readBytes } from './read-bytes.ts'
import { within } from '../timeout.ts'
import type { TakeBytes } from './upload-budget.ts'

export interface FetchSettings {
  /** Host names, lower case; `*.example.org` is every host below example.org. */
  readonly allowedUrlHosts: readonly string[]
  readonly maxImageBytes: number
  readonly uploadTimeoutMs: number
}

export interface ImageFetcher {
  /** @throws VEL_ERR_URL_REFUSED, VEL_ERR_URL_UNREADABLE, VEL_ERR_TOO_MANY_BYTES, and what `take` throws */
  readonly fetchImage: (url: string, signal: AbortSignal, take: TakeBytes) => Promise<Uint8Array>
  readonly close: () => Promise<void>
}

const MAX_REDIRECTS = 3

/** Whether `address` is public unicast. An IPv4-mapped IPv6 address is judged by its IPv4 address. */
export function isPublicAddress (address: string): boolean {
  return ipaddr.process(address).range() === 'unicast'
}

/**
 * @param isAllowed whether an address may be connected to. Called for every address that a name resolves to when the connection is
 *   made, so that a name cannot resolve differently between check and use (DNS rebinding).
 */
export function createImageFetcher (
  settings: FetchSettings, isAllowed: (address: string) => boolean = isPublicAddress
): ImageFetcher {
  const { allowedUrlHosts, maxImageBytes, uploadTimeoutMs } = settings
  const agent = new Agent({ connect: { lookup: guardedLookup(isAllowed) } })

  const follow = async (given: string, signal: AbortSignal, take: TakeBytes): Promise<Uint8Array> => {
    let url = checkUrl(given, allowedUrlHosts, isAllowed)
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const answer = await get(url, agent, signal)
      const location = answer.headers['location']
      const redirected = answer.statusCode >= 300 && answer.statusCode < 400 && typeof location === 'string'
      if (!redirected) return await readAnswer(answer, maxImageBytes, take)
      answer.body.destroy()
      url = checkUrl(location, allowedUrlHosts, isAllowed, url)
    }
    throw errors.urlUnreadable(`more than ${MAX_REDIRECTS} redirects`)
  }
  const fetchImage: ImageFetcher['fetchImage'] = async (url, signal, take) => {
    if (allowedUrlHosts.length === 0) {
      throw errors.urlRefused('only where the service allows hosts (ALLOWED_URL_HOSTS)', 'one while it allows none')
    }
    const late = (): Error => errors.urlUnreadable(`none within ${uploadTimeoutMs} ms (UPLOAD_TIMEOUT_MS)`)
    return await within(uploadTimeoutMs, late, [signal], async own => await follow(url, own, take))
  }
  return { fetchImage, close: async () => { await agent.destroy() } }
}

async function get (url: URL, dispatcher: Agent, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
  try {
    const answer = await request(url, { dispatcher, signal, headers: { accept: 'image/*', 'accept-encoding': 'identity' } })
    // An abandoned body is destroyed, which emits 'error'.
    answer.body.on('error', () => {})
    return answer
  } catch (error) {
    if (isVelError(error)) throw error
    const { code, name } = error as { code?: string, name: string }
    throw errors.urlUnreadable(`no answer (${code ?? name})`)
  }
}

async function readAnswer (
  { statusCode, headers, body }: Dispatcher.ResponseData, maxImageBytes: number, take: TakeBytes
): Promise<Uint8Array> {
  const tooMany = (): Error => errors.tooManyBytes(String(maxImageBytes), 'a URL with more')
  try {
    if (statusCode !== 200) throw errors.urlUnreadable(`status ${statusCode}`)
    if (Number(headers['content-length'] ?? 0) > maxImageBytes) throw tooMany()
    const broken = (): Error => errors.urlUnreadable('an answer that broke off')
    const bytes = await readBytes(body, maxImageBytes, { tooMany, broken }, take)
    if (bytes.length === 0) throw errors.urlUnreadable('an empty answer')
    return bytes
  } catch (error) {
    body.destroy()
    throw error
  }
}

/** @throws VEL_ERR_URL_REFUSED; the message does not contain the URL */
function checkUrl (given: string, allowed: readonly string[], isAllowed: (address: string) => boolean, base?: URL): URL {
  const url = URL.canParse(given, base?.href) ? new URL(given, base) : null
  if (url === null) throw errors.urlRefused('that is well-formed', 'another text')
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw errors.urlRefused('with http: or https:', url.protocol)
  if (url.username !== '' || url.password !== '') throw errors.urlRefused('without a user name and password', 'one with them')
  const host = url.hostname.toLowerCase().replace(/\.$/, '')
  const listed = allowed.some(name => name.startsWith('*.') ? host.endsWith(name.slice(1)) : host === name)
  if (!listed) throw errors.urlRefused('on an allowed host (ALLOWED_URL_HOSTS)', 'another host')
  const address = host.replace(/^\[|\]$/g, '')
  if (isIP(address) !== 0 && !isAllowed(address)) throw errors.urlRefused('with a public address', 'a private one')
  return url
}

type LookupDone = (error: Error | null, address: string | LookupAddress[], family?: number) => void

/** `dns.lookup` that fails if any address of the name may not be connected to. */
function guardedLookup (isAllowed: (address: string) => boolean): (hostname: string, options: LookupOptions, done: LookupDone) => void {
  return (hostname, options, done) => {
    dnsLookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return done(error, [])
      if (addresses.length === 0 || !addresses.every(({ address }) => isAllowed(address))) {
        return done(errors.urlRefused('with a public address', 'a private one'), [])
      }
      if (options.all === true) done(null, addresses)
      else done(null, addresses[0]!.address, addresses[0]!.family)
    })
  }
}
