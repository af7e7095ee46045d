// Joins a process to its replicas: they share changes and results.
import { createLinkCache, TTL_S, type LinkCache } from './link-cache.ts'
import type { Change } from '../kb/changes/change.ts'
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
  const redis = connectRedis(url, 'results', log)
  const cache = createLinkCache(redis)
  live.listen({ applied: changes => { cache.forget(withdrawn(changes)) } })
  // What was withdrawn while Redis was gone, or just before a process was killed: older results have expired.
  redis.on('ready', () => {
    const since = Date.now() - TTL_S * 1000
    cache.forget(withdrawn([...live.changes()].filter(({ at }) => at > since)))
  })
  return { ...cache, close: async () => { await Promise.all([leave(), cache.close()]) } }
}

/** Entities that cached results must not name any longer, or not in this way. */
function withdrawn (changes: readonly Change[]): string[] {
  return changes.filter(({ kind }) => kind === 'delete' || kind === 'delete-image' || kind === 'block').map(({ entity }) => entity)
}
