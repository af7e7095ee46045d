// API keys with scopes. Without configured keys linking is open and writing is off.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest, onRequestAsyncHookHandler } from 'fastify'
import type { ApiKey, Scope } from '../../config.ts'
import { errors } from '../../errors.ts'

/**
 * A hook that requires a key with `scope` and records the key's name for the log.
 *
 * @throws VEL_ERR_KEY_MISSING without a key or with an unknown one, VEL_ERR_KEY_REFUSED if the key lacks the scope
 */
export function requireScope (keys: readonly ApiKey[], scope: Scope): onRequestAsyncHookHandler {
  return async request => {
    if (keys.length === 0) {
      if (scope === 'link') return
      throw errors.keyRefused(scope, 'a request to a service without keys (API_KEYS)')
    }
    const given = givenKey(request)
    if (given === undefined) throw errors.keyMissing('none')
    const key = findKey(keys, given)
    if (key === undefined) throw errors.keyMissing('one that is not known')
    if (!key.scopes.includes(scope)) throw errors.keyRefused(scope, `one with ${key.scopes.join(', ')}`)
    request.facts.key = key.name
  }
}

function givenKey ({ headers }: FastifyRequest): string | undefined {
  const own = headers['x-api-key']
  if (typeof own === 'string') return own
  return /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1]
}

/** Compares the hashes of all keys in constant time, so that timing reveals nothing about them. */
function findKey (keys: readonly ApiKey[], given: string): ApiKey | undefined {
  const sha256 = createHash('sha256').update(given).digest()
  return keys.filter(key => timingSafeEqual(key.sha256, sha256))[0]
}
