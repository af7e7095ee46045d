// The service under load: closed loops of clients against the real server process; overload and deadline.
import { closedLoop, throughput, times, type Load } from '../closed-loop.ts'
import { figure, median, percent, percentile, ratio, table } from '../numbers.ts'
import { groupPicture, portraits } from '../photos.ts'
import { startProbe } from '../probe.ts'
import { defineSection, type Report } from '../section.ts'
import { startBenchServer, type BenchServer } from '../server.ts'

const CLIENTS = [1, 2, 4, 8, 16]
const WORKERS = [1, 2]
const MOST = Math.max(...CLIENTS)
/** A queue that 16 clients overflow, and a deadline that they exceed, ms. */
const SMALL_QUEUE = 4
const SHORT_MS = 250
const ROUNDS = 4
const SPEED_UP_CLIENTS = 8

interface Cell {
  readonly workers: number
  readonly picture: string
  readonly clients: number
  readonly imagesPerSecond: number
  readonly ms: readonly [p50: number, p95: number, p99: number]
  /** Replies by status other than 200. */
  readonly others: Readonly<Record<string, number>>
  readonly loopP99Ms: number
  readonly loopMaxMs: number
  readonly liveP99Ms: number
  /** Peak of each process since its start, MB. */
  readonly peakMB: { readonly server: number, readonly workers: number } | null
}

/** Latency of the replies of one status, ms. */
interface Times { readonly status: number, readonly replies: number, readonly p50: number, readonly p99: number, readonly max: number }

interface Result {
  readonly cells: readonly Cell[]
  readonly speedUps: readonly number[]
  readonly overload: { readonly limit: string, readonly liveP99Ms: number, readonly times: readonly Times[] }
  readonly deadline: { readonly limit: string, readonly times: readonly Times[] }
}

export const load = defineSection<Result>({
  name: 'load',
  title: 'Under load',
  async run (report) {
    const pictures = { portrait: await portraits(64), group: [await groupPicture()] }
    const cells: Cell[] = []
    for (const workers of WORKERS) cells.push(...await loadCells(workers, pictures, report))
    const photos = pictures.portrait
    return {
      cells,
      speedUps: await compareWorkers(photos, report),
      overload: await overload(photos, report),
      deadline: await deadline(photos, report)
    }
  },
  render: ({
    cells,
    speedUps,
    overload,
    deadline
  }) => `Closed loop: each client sends its next image as soon as it has a reply. Server, clients and prober share the machine's
cores. Latency in ms of replies with 200. *Event loop* is the server's, sampled every 10 ms, so that 10 is idle; *live* is
\`/health/live\`, asked all the while from another process. Memory: the sum of what each process took at its highest since it started.

${table(
  [
    'workers',
    'picture',
    'clients',
    'images/s',
    'p50',
    'p95',
    'p99',
    'event loop p99',
    'max',
    'live p99',
    'server MB',
    'workers MB',
    'not 200'
  ],
  cells.map(c => [
    c.workers,
    c.picture,
    c.clients,
    c.imagesPerSecond,
    ...c.ms,
    c.loopP99Ms,
    c.loopMaxMs,
    c.liveP99Ms,
    c.peakMB?.server ?? null,
    c.peakMB?.workers ?? null,
    Object.entries(c.others)
      .map(([status, n]) => `${n} × ${status}`)
      .join(', ') || '–'
  ])
)}

Two workers over one, portraits, ${SPEED_UP_CLIENTS} clients, measured in turn: **${ratio(median(speedUps))}**
(median; each round: ${speedUps.map(ratio).join(', ')}).

${MOST} clients, which after a 503 come back at once, with ${overload.limit}: ${share(overload.times, 503)} of replies are 503;
\`/health/live\` p99 ${figure(overload.liveP99Ms)} ms.

${timesTable(overload.times)}

${MOST} clients with ${deadline.limit}: ${share(deadline.times, 504)} of replies are 504. Times
here include the upload and the client, which the deadline does not.

${timesTable(deadline.times)}`
})

function timesTable (rows: readonly Times[]): string {
  return table(['status', 'replies', 'p50 ms', 'p99 ms', 'max ms'], rows.map(t => [t.status, String(t.replies), t.p50, t.p99, t.max]))
}

function share (rows: readonly Times[], status: number): string {
  const all = rows.reduce((sum, row) => sum + row.replies, 0)
  return percent((rows.find(row => row.status === status)?.replies ?? 0) / all)
}

async function loadCells (workers: number, pictures: Readonly<Record<string, readonly Buffer[]>>, report: Report): Promise<Cell[]> {
  const cells: Cell[] = []
  const server = await startBenchServer({ WORKERS: String(workers) })
  const steps = report.quick ? [1, MOST] : CLIENTS
  const progress = report.progress(`load, WORKERS=${workers}`.padEnd(24), steps.length * Object.keys(pictures).length, 'loads')
  for (const [picture, photos] of Object.entries(pictures)) {
    await closedLoop({ origin: server.origin, photos, clients: workers, forMs: 500 })
    for (const clients of steps) {
      cells.push(await loadCell(server, workers, picture, photos, clients, report.quick ? 300 : 5000))
      progress.update(cells.length)
    }
  }
  progress.stop()
  await server.stop()
  return cells
}

async function loadCell (
  server: BenchServer,
  workers: number,
  picture: string,
  photos: readonly Buffer[],
  clients: number,
  forMs: number
): Promise<Cell> {
  const stopProbe = await startProbe(server.origin)
  await server.metrics()
  const load = await closedLoop({ origin: server.origin, photos, clients, forMs })
  const metrics = await server.metrics()
  const live = await stopProbe()
  const linked = times(load, 200)
  const others: Record<string, number> = {}
  for (const { status } of load.replies) if (status !== 200) others[status] = (others[status] ?? 0) + 1
  return {
    workers,
    picture,
    clients,
    imagesPerSecond: throughput(load),
    ms: [percentile(linked, 0.5), percentile(linked, 0.95), percentile(linked, 0.99)],
    others,
    loopP99Ms: 1000 * (metrics['nodejs_eventloop_lag_p99_seconds'] ?? NaN),
    loopMaxMs: 1000 * (metrics['nodejs_eventloop_lag_max_seconds'] ?? NaN),
    liveP99Ms: percentile(live, 0.99),
    peakMB: server.memoryMB('peak')
  }
}

/** Throughput of two workers relative to one, per round; both servers run throughout, only one is loaded at a time. */
async function compareWorkers (photos: readonly Buffer[], report: Report): Promise<number[]> {
  const [one, two] = await Promise.all([startBenchServer({ WORKERS: '1' }), startBenchServer({ WORKERS: '2' })])
  const rounds = report.quick ? 1 : ROUNDS
  const progress = report.progress('two workers over one'.padEnd(24), rounds, 'rounds')
  const measure = async (server: BenchServer, forMs: number): Promise<number> =>
    throughput(await closedLoop({ origin: server.origin, photos, clients: SPEED_UP_CLIENTS, forMs }))
  for (const server of [one, two]) await measure(server, 500)
  const ratios: number[] = []
  for (let n = 1; n <= rounds; n++) {
    const single = await measure(one, report.quick ? 300 : 4000)
    ratios.push(await measure(two, report.quick ? 300 : 4000) / single)
    progress.update(n)
  }
  progress.stop()
  await Promise.all([one.stop(), two.stop()])
  return ratios
}

async function overload (photos: readonly Buffer[], report: Report): Promise<Result['overload']> {
  const { load, live } = await saturate({ WORKERS: '2', MAX_QUEUE: String(SMALL_QUEUE) }, 'overload', photos, report)
  return { limit: `WORKERS=2 and MAX_QUEUE=${SMALL_QUEUE}`, liveP99Ms: percentile(live, 0.99), times: byStatus(load) }
}

async function deadline (photos: readonly Buffer[], report: Report): Promise<Result['deadline']> {
  const { load } = await saturate({ WORKERS: '2', LINK_TIMEOUT_MS: String(SHORT_MS) }, 'deadline', photos, report)
  return { limit: `WORKERS=2 and LINK_TIMEOUT_MS=${SHORT_MS}`, times: byStatus(load) }
}

async function saturate (
  env: Readonly<Record<string, string>>,
  label: string,
  photos: readonly Buffer[],
  report: Report
): Promise<{ load: Load, live: number[] }> {
  const server = await startBenchServer(env)
  const progress = report.progress(label.padEnd(24), 1, 'loads')
  const stopProbe = await startProbe(server.origin)
  const load = await closedLoop({ origin: server.origin, photos, clients: MOST, forMs: report.quick ? 500 : 6000 })
  const live = await stopProbe()
  progress.update(1)
  progress.stop()
  await server.stop()
  return { load, live }
}

function byStatus (load: Load): Times[] {
  return [...new Set(load.replies.map(reply => reply.status))].sort((a, b) => a - b).map(status => {
    const ms = times(load, status)
    return { status, replies: ms.length, p50: percentile(ms, 0.5), p99: percentile(ms, 0.99), max: percentile(ms, 1) }
  })
}
