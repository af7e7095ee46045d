// Everything at once for minutes: photos, bad input, refused URLs, writes, hang-ups, and workers that are killed.
import { setTimeout as delay } from 'node:timers/promises'
import { Pool } from 'undici'
import { hasShared } from '../../../test/helpers/shared.ts'
import { median, percent } from '../../speed/numbers.ts'
import { groupPicture } from '../../speed/photos.ts'
import { startProbe } from '../../speed/probe.ts'
import { kindsOfTraffic, pickKind, type Kind } from '../../speed/traffic.ts'
import { countStatus, createClient, describeStatuses, faultsOf, newTally, type Client, type Tally } from '../client.ts'
import { createLedger, type Ledger } from '../ledger.ts'
import type { Scenario, Stage } from '../scenario.ts'
import { KEY, type Service } from '../service.ts'

const CLIENTS = 6
/** Shares of the time: growth is that from the median after the warm-up to the median at the end. */
const [WARM, MEASURED, LAST] = [0.2, 0.2, 0.2]
const WRITE_EVERY_MS = 100
const URLS = ['http://127.0.0.1/a.jpg', 'http://169.254.169.254/', 'http://[::1]/a.jpg', 'file:///etc/passwd', 'http://localhost:1/', 'x']

export const mixed: Scenario = {
  name: 'mixed',
  title: 'mixed traffic',
  maxLiveMs: null,
  async run (stage) {
    const forMs = stage.minutes * 60_000
    const dir = await stage.copyIndex()
    const service = await stage.start({ env: { INDEX_DIR: dir, WORKERS: '2', ALLOWED_URL_HOSTS: 'localhost' } })
    await service.ready()
    const [links, writes] = [newTally(), newTally()]
    const unexpected = new Map<string, number>()
    const stopping = new AbortController()
    const stopProbe = await startProbe(service.origin)
    const start = performance.now()
    const ledger = createLedger()
    const memory: Array<{ readonly share: number, readonly MB: number }> = []
    const writer = createClient(service.origin, writes, 1)
    const kills = killWorkers(service, stage, stopping.signal)
    const traffic = [
      ...await linkClients(service, stage, links, unexpected, stopping.signal),
      refuseUrls(service, links, unexpected, stopping.signal),
      writeNow(ledger, writer, stage, stopping.signal)
    ]
    while (performance.now() - start < forMs && service.isRunning()) {
      await delay(Math.min(1000, forMs / 50))
      const MB = service.memoryMB()
      if (MB !== null) memory.push({ share: (performance.now() - start) / forMs, MB })
    }
    stopping.abort()
    await Promise.all(traffic)
    const killed = await kills
    const live = await stopProbe()
    const lost = service.isRunning() ? (await ledger.compare(writer)).length : ledger.present().length
    await writer.close()
    const ended = service.isRunning() ? [] : [`the service ended: ${service.output()}`]
    await service.stop()
    const middle = (from: number, to: number): number => median(memory.filter(m => m.share >= from && m.share < to).map(m => m.MB))
    const [before, after] = [middle(WARM, WARM + MEASURED), middle(1 - LAST, 2)]
    const linked = links.statuses.get(200) ?? 0
    return {
      attempts: links.attempts + ledger.attempts(),
      acknowledged: linked + ledger.acknowledged(),
      lost,
      faults: faultsOf(links) + faultsOf(writes),
      live,
      growth: memory.length === 0 ? null : after / before - 1,
      broken: [...ended, ...[...unexpected].map(([what, n]) => `${n} × ${what}`)],
      notes: [
        `${stage.minutes} minutes, ${CLIENTS} clients, ${killed} workers killed; memory ${before.toFixed(0)} MB after the first ` +
          `${percent(WARM)}, ${after.toFixed(0)} MB in the last ${percent(LAST)}`,
        `replies to /link: ${describeStatuses(links)}; to changes and reads: ${describeStatuses(writes)}`
      ]
    }
  }
}

async function linkClients (
  { origin }: Service, { photos, random, short }: Stage, tally: Tally, unexpected: Map<string, number>, signal: AbortSignal
): Promise<Array<Promise<void>>> {
  // To compose the picture of many faces takes longer than the short form.
  const kinds = await kindsOfTraffic(photos, short || !hasShared ? photos[0]! : await groupPicture())
  return Array.from({ length: CLIENTS }, async () => {
    const pool = new Pool(origin, { connections: 1, headersTimeout: 60_000, bodyTimeout: 60_000 })
    for (let n = Math.floor(random() * 1000); !signal.aborted; n++) {
      const kind = pickKind(kinds, random())
      const status = await send(pool, kind, n, random())
      if (status === null) continue
      tally.attempts++
      countStatus(tally, status)
      if (![...kind.expected, 503, 504].includes(status) && kind.hangsUp !== true) {
        note(unexpected, `${kind.name} was answered with ${status === 0 ? 'nothing' : status}`)
      }
    }
    await pool.destroy()
  })
}

/** @returns the status, 0 where none came, null where the client hung up. */
async function send (
  pool: Pool, { path = '/link', type = 'image/jpeg', body, hangsUp = false }: Kind, n: number, chance: number
): Promise<number | null> {
  const signal = hangsUp ? AbortSignal.timeout(1 + Math.floor(30 * chance)) : null
  try {
    const reply = await pool.request({ path, method: 'POST', headers: { 'content-type': type, 'x-api-key': KEY }, body: body(n), signal })
    await reply.body.dump({ limit: 1e9 })
    return reply.statusCode
  } catch {
    return hangsUp ? null : 0
  }
}

async function refuseUrls ({ origin }: Service, tally: Tally, unexpected: Map<string, number>, signal: AbortSignal): Promise<void> {
  const client = createClient(origin, tally, 1)
  for (let i = 0; !signal.aborted; i = (i + 1) % URLS.length) {
    const { status } = await client.send('POST', '/link', JSON.stringify({ url: URLS[i] }))
    if (status < 400 || (status >= 500 && status !== 503)) note(unexpected, `the URL ${URLS[i]} was answered with ${status}`)
    await delay(200)
  }
  await client.close()
}

/** Writes a person now and then, with some photos. */
async function writeNow (ledger: Ledger, client: Client, { photos }: Stage, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await ledger.writeOne(client, photos)
    await delay(WRITE_EVERY_MS)
  }
}

/** @returns how many were killed. */
async function killWorkers (service: Service, { short, random }: Stage, signal: AbortSignal): Promise<number> {
  let killed = 0
  for (;;) {
    await delay(short ? 5000 : 20_000 + 20_000 * random(), undefined, { signal }).catch(() => {})
    if (signal.aborted) return killed
    const workers = service.workers()
    const victim = workers[Math.floor(random() * workers.length)]
    if (victim === undefined) continue
    process.kill(victim, 'SIGKILL')
    killed++
  }
}

function note (counts: Map<string, number>, what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1)
}
