// A connection to Redis that never blocks the service: commands fail at once while it is down, and after a short time where it is slow.
import { Redis } from 'ioredis'
import type { Log } from '../log.ts'

/** ms; a healthy Redis answers in less than one. */
const COMMAND_MS = 250
const CONNECT_MS = 2000
const LONGEST_WAIT_MS = 500

/** @param name of the connection, in the log. @param commandMs time limit of one command, ms; blocking reads need more. */
export function connectRedis (url: string, name: string, log: Log, commandMs = COMMAND_MS): Redis {
  const redis = new Redis(url, {
    commandTimeout: commandMs,
    connectTimeout: CONNECT_MS,
    // Callers continue without Redis; no command is queued for later.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    retryStrategy: attempts => Math.min(attempts * 50, LONGEST_WAIT_MS)
  })
  let down = false
  redis.on('error', (error: Error) => {
    if (down) return
    down = true
    log.warn(`Redis (${name}) is gone: ${error.message}; going on without it and trying again`)
  })
  redis.on('ready', () => {
    if (down) log.info(`Redis (${name}) is back`)
    down = false
  })
  return redis
}
