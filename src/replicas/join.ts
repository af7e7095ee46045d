// Joins a process to its replicas: they share changes and results.
import { createLinkCache, type LinkCache } from './link-cache.ts'
import type { LiveIndex } from '../kb/live/live-index.ts'
import { joinReplicas } from './change-stream.ts'
import type { Log } from '../log.ts'
import { connectRedis } from './redis.ts'

/** The command time limit of the connection that blocks for a second at a time, ms. */
const WAITING_MS = 5000

/** @returns the cache of results; closing it also leaves the replicas. */
export function joinByRedis (url: string, live: LiveIndex, log: Log): LinkCache {
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
