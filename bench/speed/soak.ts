// `npm run soak`: good and bad input at steady load against the real service; fails on a 500 or on memory that grows.
// npm run soak -- [--requests 20000] [--clients 4] [--minutes 60]
import { parseArgs } from 'node:util'
import pMap from 'p-map'
import { Pool } from 'undici'
import { startProgress } from '../../src/cli/progress.ts'
import { createRandom } from '../../src/math/random.ts'
import { describeMachine } from './machine.ts'
import { median, percent } from './numbers.ts'
import { groupPicture, portraits } from './photos.ts'
import { startBenchServer } from './server.ts'
import { kindsOfTraffic, pickKind, type Kind } from './traffic.ts'

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '20000' },
    clients: { type: 'string', default: '4' },
    minutes: { type: 'string', default: '60' },
    workers: { type: 'string', default: '2' }
  }
})
const [requests, clients, minutes] = [Number(values.requests), Number(values.clients), Number(values.minutes)]
if (!(requests >= 100 && clients >= 1 && minutes > 0)) {
  console.error('Expected --requests of at least 100, --clients of at least 1 and --minutes above 0')
  process.exit(1)
}
/** Number of memory samples; memory of the first tenth of the requests (2,000 of 20,000) does not count as growth. */
const SAMPLES = 80
const SETTLED = 0.1
const MOST_GROWTH = 0.1

const kinds = await kindsOfTraffic(await portraits(200), await groupPicture())

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { process.exit(1) })
const server = await startBenchServer({ WORKERS: values.workers })
const pool = new Pool(server.origin, { connections: clients, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 })
const random = createRandom(1)
const counts = new Map<string, number>()
const samples: Array<{ done: number, server: number, workers: number }> = []
let done = 0
let unexpected = 0
let failures = 0
console.log(`${describeMachine()}; WORKERS=${values.workers}, ${clients} clients`)
console.log('  requests  server MB  workers MB')
const progress = startProgress('soak', requests, 'requests')
const start = performance.now()
await pMap(numbers(), async n => { await sendOne(n) }, { concurrency: clients })
progress.stop()
await pool.close()
await server.stop()
process.exitCode = report() ? 0 : 1

function * numbers (): Generator<number> {
  for (let n = 0; n < requests && performance.now() - start < minutes * 60_000; n++) yield n
}

async function sendOne (n: number): Promise<void> {
  const kind = pickKind(kinds, random())
  const status = await send(kind, n)
  const name = `${kind.name}: ${status}`
  counts.set(name, (counts.get(name) ?? 0) + 1)
  if (status === 500) failures++
  if (typeof status === 'number' ? ![...kind.expected, 503, 504].includes(status) && kind.hangsUp !== true : status !== 'hung up') {
    unexpected++
  }
  done++
  progress.update(done)
  if (done % Math.ceil(requests / SAMPLES) === 0) sample()
}

async function send ({ path = '/link', type = 'image/jpeg', body, hangsUp = false }: Kind, n: number): Promise<number | string> {
  try {
    const signal = hangsUp ? AbortSignal.timeout(1 + Math.floor(30 * random())) : null
    const reply = await pool.request({ path, method: 'POST', headers: { 'content-type': type }, body: body(n), signal })
    await reply.body.dump({ limit: 1e9 })
    return reply.statusCode
  } catch (error) {
    return hangsUp ? 'hung up' : `no reply (${(error as NodeJS.ErrnoException).code ?? (error as Error).name})`
  }
}

function sample (): void {
  const memory = server.memoryMB('now')
  if (memory === null) return
  samples.push({ done, ...memory })
  console.log(`${String(done).padStart(10)}${memory.server.toFixed(0).padStart(11)}${memory.workers.toFixed(0).padStart(12)}`)
}

/** @returns whether the service passed. */
function report (): boolean {
  console.log(`\n${done} requests in ${((performance.now() - start) / 1000).toFixed(0)} s`)
  for (const [name, n] of [...counts].sort()) console.log(`${String(n).padStart(8)}  ${name}`)
  const total = samples.map(s => ({ done: s.done, MB: s.server + s.workers }))
  // Medians of the second tenth and the last tenth: single samples depend on the current picture.
  const before = median(total.filter(s => s.done >= done * SETTLED && s.done < done * 2 * SETTLED).map(s => s.MB))
  const after = median(total.filter(s => s.done > done * (1 - SETTLED)).map(s => s.MB))
  const growth = after / before - 1
  console.log(
    `\nmemory after the first tenth ${before.toFixed(0)} MB, in the last ${after.toFixed(0)} MB: ${growth >= 0 ? '+' : ''}` +
      `${percent(growth)} (below ${percent(MOST_GROWTH)} is wanted); highest ${Math.max(...total.map(s => s.MB)).toFixed(0)} MB`
  )
  console.log(`${failures} replies with 500, ${unexpected} others that were not expected`)
  return failures === 0 && unexpected === 0 && growth < MOST_GROWTH
}
