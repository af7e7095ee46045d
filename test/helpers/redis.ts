// A real redis-server for tests that need one. Where it is not installed they skip with a warning; in CI that fails.
import { describe, onTestFinished } from 'vitest'
import { hasRedis, startRedisServer, type RedisServer } from './redis-server.ts'

if (!hasRedis) {
  if (process.env['CI'] !== undefined) throw new Error('Expected redis-server in CI, found none; install the package redis-server')
  console.warn('SKIPPED: tests that need redis-server, which is not installed')
}
export const describeWithRedis = hasRedis ? describe : describe.skip

/** Killed at the end of the test. */
export async function startRedis (): Promise<RedisServer> {
  const redis = await startRedisServer()
  onTestFinished(redis.kill)
  return redis
}
