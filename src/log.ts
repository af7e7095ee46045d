// The log: JSON lines on standard output, or formatted lines where standard output is a terminal.
import { fstatSync } from 'node:fs'
import { levels, pino, stdTimeFunctions, type DestinationStream, type Logger, type LoggerOptions } from 'pino'
import type { Config } from './config.ts'
import { createLogFile, createLogStream } from './log-stream.ts'

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
  if (!process.stdout.isTTY) return pino(options, openOutput())
  // A development dependency: without it the log stays JSON.
  const pretty = await import('pino-pretty').catch(() => null)
  return pretty === null ? pino(options) : pino(options, pretty.default({ colorize: true, sync: true }))
}

/** A pipe may be full, and a disk too: neither ends the service. */
function openOutput (): DestinationStream {
  const { fd } = process.stdout
  const output = fstatSync(fd)
  return output.isFIFO() || output.isSocket() ? createLogStream(process.stdout, droppedLine) : createLogFile(fd, droppedLine)
}

function droppedLine (dropped: number): string {
  const msg = `the log could not be written for a time, and ${dropped} lines were dropped`
  return JSON.stringify({ level: levels.values['warn'], time: new Date().toISOString(), pid: process.pid, dropped, msg }) + '\n'
}
