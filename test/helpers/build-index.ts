// The real app on a real port, with a log that tests can read; closes itself after the test.
import { Writable } from 'node:stream'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { Client, type Dispatcher } from 'undici'
import { onTestFinished } from 'vitest'
import type { Linker } from '../../src/linker.ts'
import { buildApp } from '../../src/http/app.ts'
import { readConfig } from '../../src/config.ts'
import { loggerOptions } from '../../src/log.ts'
import { createFakeLinker } from './fake-linker.ts'
import { checkReply } from './openapi.ts'

/** Parsed JSON, untyped: tests state its content by their expectations. */
type Json = ReturnType<typeof JSON.parse>

export interface Reply { readonly status: number, readonly headers: Record<string, string>, readonly text: string, readonly json: Json }

export interface TestApp {
  readonly app: FastifyInstance
  readonly port: number
  readonly origin: string
  /** Lines of the log so far. */
  readonly log: Json[]
  /** Sends over a kept-alive connection and holds the reply to openapi.yaml. */
  readonly send: (path: string, options?: Partial<Dispatcher.RequestOptions>) => Promise<Reply>
}

/** @param env settings beside the defaults. */
export async function buildTestApp (
  env: Record<string, string> = {},
  linker: Linker | Promise<Linker> = createFakeLinker()
): Promise<TestApp> {
  const log: Json[] = []
  const stream = new Writable({
    write (chunk: Buffer, _encoding, done) {
      log.push(JSON.parse(chunk.toString()))
      done()
    }
  })
  const config = readConfig({ LOG_LEVEL: 'debug', ...env })
  const app = await buildApp(config, linker, pino(loggerOptions(config), stream))
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const origin = `http://127.0.0.1:${port}`
  const client = new Client(origin)
  onTestFinished(async () => {
    await client.destroy()
    await app.close()
  })
  const send: TestApp['send'] = async (path, options = {}) => {
    const { statusCode, headers, body } = await client.request({ path, method: 'GET', ...options })
    const text = await body.text()
    const type = String(headers['content-type'] ?? '')
    if (options.method !== 'HEAD') checkReply(options.method ?? 'GET', path.split('?')[0]!, statusCode, type, text)
    return {
      status: statusCode,
      headers: headers as Record<string, string>,
      text,
      json: type.includes('json') && text !== '' ? JSON.parse(text) : {}
    }
  }
  return { app, port, origin, log, send }
}

/** A multipart body by hand: parts are [name, value] or [name, bytes, filename, type]; without a file name it is a field. */
export function form (...parts: Array<[name: string, value: string | Buffer, filename?: string, type?: string]>): {
  headers: Record<string, string>
  body: Buffer
} {
  const boundary = 'vel-test-boundary'
  const chunks = parts.flatMap(([name, value, filename, type]) => [
    Buffer.from(
      `--${boundary}\r\nContent-Disposition: form-data; name="${name}` +
        `"${filename === undefined || filename === '' ? '' : `; filename="${filename}"`}` +
        `\r\n${type === undefined ? '' : `Content-Type: ${type}\r\n`}\r\n`
    ),
    Buffer.from(value),
    Buffer.from('\r\n')
  ])
  return {
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    body: Buffer.concat([...chunks, Buffer.from(`--${boundary}--\r\n`)])
  }
}
