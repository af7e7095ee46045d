// Polls /health/live from a separate process, so that generating load does not delay the probe.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Client } from 'undici'

const EVERY_MS = 20

/** Starts polling. @returns a function that stops it and returns the time of each reply, ms; Infinity where not 200. */
export async function startProbe (origin: string): Promise<() => Promise<number[]>> {
  const child = fork(fileURLToPath(import.meta.url), [origin], { execArgv: ['--import', 'tsx'] })
  await once(child, 'message')
  return async () => {
    child.send('stop')
    const [times] = await once(child, 'message') as [Array<number | null>]
    return times.map(ms => ms ?? Infinity)
  }
}

async function probe (origin: string): Promise<void> {
  const client = new Client(origin)
  const times: number[] = []
  const ask = async (): Promise<void> => {
    const start = performance.now()
    const live = await client.request({ path: '/health/live', method: 'GET' }).then(async ({ statusCode, body }) => {
      await body.dump()
      return statusCode === 200
    }, () => false)
    times.push(live ? performance.now() - start : Infinity)
  }
  await ask()
  times.length = 0
  const stopped = new AbortController()
  process.once('message', () => { stopped.abort() })
  process.send!('started')
  for (; !stopped.signal.aborted; await delay(EVERY_MS)) await ask()
  await client.close()
  process.send!(times, () => { process.disconnect() })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await probe(process.argv[2]!)
