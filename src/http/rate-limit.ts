// At most so many requests a minute for each key, or each address where there is no key.
import rateLimit, { type RateLimitPluginOptions } from '@fastify/rate-limit'
import type { FastifyInstance } from 'fastify'
import { errors } from '../errors.ts'

/** Registers the limit for routes whose config has `rateLimit: {}`; 0 registers none. @param redis counts for all replicas; while it is gone nothing is limited. */
export async function registerRateLimit (app: FastifyInstance, perMinute: number, redis: RateLimitPluginOptions['redis'] | null): Promise<void> {
  if (perMinute === 0) return
  await app.register(rateLimit, {
    global: false,
    max: perMinute,
    timeWindow: 60_000,
    enableDraftSpec: true,
    ...(redis === null ? {} : { redis, nameSpace: 'vel:rate:', skipOnError: true }),
    // The key's hook runs before, so that unknown keys make no entries.
    keyGenerator: request => request.facts.key === undefined ? `ip ${rateLimit.normalizeIP(request.ip)}` : `key ${request.facts.key}`,
    errorResponseBuilder: (_request, { max, ttl }) => errors.rateLimited(String(max), String(Math.ceil(ttl / 1000)))
  })
}
