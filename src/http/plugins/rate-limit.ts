// A limit of requests a minute for each API key, or for each address where there is no key.
import rateLimit, { type RateLimitPluginOptions } from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest, onRequestAsyncHookHandler } from 'fastify'
import { errors } from '../../errors.ts'

const WINDOW_MS = 60_000

type Limiter = ReturnType<FastifyInstance['createRateLimit']>

/**
 * A hook that counts requests and sets the `RateLimit-*` headers. All routes that carry it share one budget. It runs after the
 * key's hook, so that unknown keys are not counted.
 *
 * @param perMinute requests; 0 is no limit.
 * @param redis counts for all replicas; while it is gone each replica counts for itself.
 * @throws VEL_ERR_RATE_LIMITED
 */
export async function createRateLimitHook (
  app: FastifyInstance, perMinute: number, redis: RateLimitPluginOptions['redis'] | null
): Promise<onRequestAsyncHookHandler> {
  if (perMinute === 0) return async () => {}
  const local = await createLimiter(app, { max: perMinute })
  const shared = redis === null ? null : await createLimiter(app, { max: perMinute, redis, nameSpace: 'vel:rate:' })
  return async (request, reply) => {
    // Both count every request: the local count also holds those before Redis went away.
    const own = await local(request)
    const counted = shared === null ? own : await shared(request).catch(() => own)
    if (counted.isAllowed) return
    const { max, remaining, ttlInSeconds, isExceeded } = counted
    reply.header('ratelimit-limit', max).header('ratelimit-remaining', remaining).header('ratelimit-reset', ttlInSeconds)
    if (isExceeded) throw errors.rateLimited(String(max), ttlInSeconds)
  }
}

/** Registers the plugin in a new scope: it decorates a scope once, and each limiter needs its store. */
async function createLimiter (app: FastifyInstance, options: RateLimitPluginOptions): Promise<Limiter> {
  const created: Limiter[] = []
  await app.register(async scope => {
    await scope.register(rateLimit, { ...options, global: false, timeWindow: WINDOW_MS, keyGenerator })
    created.push(scope.createRateLimit())
  })
  return created[0]!
}

const keyGenerator = ({ facts, ip }: FastifyRequest): string => {
  return facts.key === undefined ? `ip ${rateLimit.normalizeIP(ip)}` : `key ${facts.key}`
}
