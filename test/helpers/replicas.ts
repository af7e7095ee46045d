// Servers as child processes that share changes and results by a Redis.
import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished } from 'vitest'
import { photo } from './live-linker.ts'

const SCRIPT = fileURLToPath(new URL('./serve-replica.ts', import.meta.url))
export const KEY = { 'x-api-key': 'a-secret-of-the-newsroom' }

export interface Replica {
  readonly child: ChildProcess
  readonly fetch: (
    method: string, path: string, body?: Buffer | object, key?: Record<string, string>
  ) => Promise<{ status: number, json: ReturnType<typeof JSON.parse> }>
  /** Id of the entity that the face of vector `i` is linked to. */
  readonly linked: (i: number) => Promise<string | undefined>
  readonly log: () => string
}

export async function startReplica (dir: string, redisUrl: string, env: Record<string, string> = {}): Promise<Replica> {
  const child = spawn(process.execPath, ['--import', 'tsx', SCRIPT], {
    env: {
      PATH: process.env['PATH'],
      HOST: '127.0.0.1',
      PORT: '0',
      INDEX_DIR: dir,
      REDIS_URL: redisUrl,
      API_KEYS: `desk:${KEY['x-api-key']}:link+kb:write`,
      ...env
    },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  onTestFinished(() => { child.kill('SIGKILL') })
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => { out += chunk.toString() })
  await expect.poll(() => out.includes('"ready"') || child.exitCode !== null, { timeout: 30_000 }).toBe(true)
  const origin = /listening at (http:\/\/[\d.:]+)/.exec(out)?.[1]
  if (origin === undefined) throw new Error(`no server: ${out}`)
  const call: Replica['fetch'] = async (method, path, body, key = KEY) => {
    const reply = await fetch(origin + path, {
      method,
      headers: { ...key, ...(body === undefined ? {} : { 'content-type': Buffer.isBuffer(body) ? 'image/jpeg' : 'application/json' }) },
      ...(body === undefined ? {} : { body: Buffer.isBuffer(body) ? new Uint8Array(body) : JSON.stringify(body) })
    })
    const text = await reply.text()
    return { status: reply.status, json: text === '' ? {} : JSON.parse(text) }
  }
  return {
    child,
    fetch: call,
    log: () => out,
    linked: async i => (await call('POST', '/link', photo({ vector: i }))).json.mentions[0].entity?.id
  }
}

/** What is promised. */
export const SOON = { timeout: 1000, interval: 20 }
export const LATER = { timeout: 15_000 }
