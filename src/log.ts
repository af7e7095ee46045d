// The log: JSON lines on standard output, or formatted lines where standard output is a terminal.
import { pino, stdTimeFunctions, type Logger, type LoggerOptions } from 'pino'
import type { Config } from './config.ts'

/** What parts of the service write to. */
export type Log = Pick<Logger, 'info' | 'warn'>

/** Header fields, which hold keys and cookies, wherever a library logs them: @fastify/multipart does so at level trace. */
const HEADERS = ['headers', 'rawHeaders'].flatMap(name => [name, `*.${name}`, `*.*.${name}`])

/** At every level header fields are replaced by `[not logged]`. */
export function loggerOptions ({ logLevel }: Pick<Config, 'logLevel'>): LoggerOptions {
  return { level: logLevel, timestamp: stdTimeFunctions.isoTime, redact: { paths: HEADERS, censor: '[not logged]' } }
}

/** @see request-log.ts for what a request's line holds and what it never holds. */
export async function createLogger (config: Pick<Config, 'logLevel'>): Promise<Logger> {
  const options = loggerOptions(config)
  if (!process.stdout.isTTY) return pino(options)
  // A development dependency: without it the log stays JSON.
  const pretty = await import('pino-pretty').catch(() => null)
  return pretty === null ? pino(options) : pino(options, pretty.default({ colorize: true, sync: true }))
}
