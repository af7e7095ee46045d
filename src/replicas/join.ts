// One process among its replicas: shared changes, shared results.
import { createLinkCache, type LinkCache } from './link-cache.ts'
import type { LiveIndex } from '../kb/live/live-index.ts'
import { joinReplicas } from './change-stream.ts'
import { connectRedis, type RedisLog } from './redis.ts'

/** A read that waits a second for news must be given more. */
const WAITING_MS = 5000

/** @returns the cache of results; closing it leaves the replicas too. */
export function joinByRedis (url: string, live: LiveIndex, log: RedisLog): LinkCache {
  const leave = joinReplicas({
    live,
    name: live.view().info.name,
    redis: connectRedis(url, 'changes', log),
    waiting: connectRedis(url, 'news', log, WAITING_MS),
    log
  })
  const cache = createLinkCache(connectRedis(url, 'results', log))
  return { ...cache, close: async () => { await Promise.all([leave(), cache.close()]) } }
}
