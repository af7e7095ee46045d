// At most so many requests a minute for each key, or each address where there is no key.
import rateLimit, { type FastifyRateLimitStore, type FastifyRateLimitStoreCtor, type RateLimitPluginOptions } from '@fastify/rate-limit'
import LocalStore from '@fastify/rate-limit/store/LocalStore.js'
import RedisStore from '@fastify/rate-limit/store/RedisStore.js'
import type { FastifyInstance } from 'fastify'
import { errors } from '../../errors.ts'

/** Registers the limit for routes whose config has `rateLimit: {}`; 0 registers none. @param redis counts for all replicas; while it is gone each counts for itself. */
export async function registerRateLimit (app: FastifyInstance, perMinute: number, redis: RateLimitPluginOptions['redis'] | null): Promise<void> {
  if (perMinute === 0) return
  const local = new LocalStore(false, false)
  await app.register(rateLimit, {
    global: false,
    max: perMinute,
    timeWindow: 60_000,
    enableDraftSpec: true,
    store: storeOf(redis === null ? (...request) => { local.incr(...request) } : withSpare(new RedisStore(false, false, redis, 'vel:rate:'), local)),
    // The key's hook runs before, so that unknown keys make no entries.
    keyGenerator: request => request.facts.key === undefined ? `ip ${rateLimit.normalizeIP(request.ip)}` : `key ${request.facts.key}`,
    errorResponseBuilder: (_request, { max, ttl }) => errors.rateLimited(String(max), Math.ceil(ttl / 1000))
  })
}

type Increment = FastifyRateLimitStore['incr']

/** Routes share their counts: a key has one budget, not one a route. */
function storeOf (incr: Increment): FastifyRateLimitStoreCtor {
  return class implements FastifyRateLimitStore {
    readonly incr = incr
    child (): FastifyRateLimitStore { return this }
  }
}

/** Both count every request, so that the spare one, which answers where the first fails, knows those before the failure too. */
function withSpare (first: FastifyRateLimitStore, spare: FastifyRateLimitStore): Increment {
  return (key, done, timeWindow, max) => {
    spare.incr(key, (_, local) => {
      const counted = { ...local! }
      first.incr(key, (error, result) => { done(null, error === null ? result : counted) }, timeWindow, max)
    }, timeWindow, max)
  }
}
