// A connection to Redis that never holds anybody up: commands fail at once while it is gone, and soon where it is slow.
import { Redis } from 'ioredis'

export interface RedisLog {
  readonly info: (sentence: string) => void
  readonly warn: (sentence: string) => void
}

/** ms; a healthy Redis answers in less than one. */
const COMMAND_MS = 250
const CONNECT_MS = 2000
const LONGEST_WAIT_MS = 500

/** @param name of what it is for, in the log. @param commandMs time a command may take; blocking reads need more. */
export function connectRedis (url: string, name: string, log: RedisLog, commandMs = COMMAND_MS): Redis {
  const redis = new Redis(url, {
    commandTimeout: commandMs,
    connectTimeout: CONNECT_MS,
    // Whoever asks goes on without Redis; nothing is kept for later.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    retryStrategy: attempts => Math.min(attempts * 50, LONGEST_WAIT_MS)
  })
  let told = false
  redis.on('error', (error: Error) => {
    if (told) return
    told = true
    log.warn(`Redis (${name}) is gone: ${error.message}; going on without it and trying again`)
  })
  redis.on('ready', () => {
    if (told) log.info(`Redis (${name}) is back`)
    told = false
  })
  return redis
}
