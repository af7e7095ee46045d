// The log: JSON lines on standard output, or formatted lines where standard output is a terminal.
import { pino, stdTimeFunctions, type Logger } from 'pino'
import type { Config } from './config.ts'

/** What parts of the service write to. */
export type Log = Pick<Logger, 'info' | 'warn'>

/** @see request-log.ts for what a request's line holds and what it never holds. */
export async function createLogger (config: Pick<Config, 'logLevel'>): Promise<Logger> {
  const options = { level: config.logLevel, timestamp: stdTimeFunctions.isoTime }
  if (!process.stdout.isTTY) return pino(options)
  // A development dependency: without it the log stays JSON.
  const pretty = await import('pino-pretty').catch(() => null)
  return pretty === null ? pino(options) : pino(options, pretty.default({ colorize: true, sync: true }))
}
