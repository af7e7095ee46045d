// A worker that dies, as by a crash in native code: time until its replacement is ready, and requests lost until then.
import { setTimeout as delay } from 'node:timers/promises'
import { closedLoop } from '../closed-loop.ts'
import { figure, median, table } from '../numbers.ts'
import { portraits } from '../photos.ts'
import { defineSection } from '../section.ts'
import { startBenchServer, type BenchServer } from '../server.ts'

const ROUNDS = 8
const CLIENTS = 4
const GIVE_UP_MS = 30_000
/** Pause between kills, ms. */
const PAUSE_MS = 1500

interface Round { readonly load: boolean, readonly ms: number, readonly replies: number, readonly failed: number }

export const replacement = defineSection<Round[]>({
  name: 'replacement',
  title: 'A worker that dies',
  async run (report) {
    const server = await startBenchServer({ WORKERS: '2' })
    const photos = await portraits(16)
    const rounds = report.quick ? 2 : ROUNDS
    const progress = report.progress('killed workers'.padEnd(24), rounds, 'kills')
    const seen: Round[] = []
    for (let n = 0; n < rounds; n++) {
      const load = n % 2 === 1
      const running = load ? closedLoop({ origin: server.origin, photos, clients: CLIENTS, forMs: 4000 }) : null
      if (load) await delay(500)
      const ms = await replace(server)
      const { replies } = await running ?? { replies: [] }
      seen.push({ load, ms, replies: replies.length, failed: replies.filter(reply => reply.status !== 200).length })
      progress.update(n + 1)
      await delay(PAUSE_MS)
    }
    progress.stop()
    await server.stop()
    return seen
  },
  render:
    rounds => `One of two workers is killed with SIGKILL; the time is until \`/health/ready\` tells of two
workers again. Under load, ${CLIENTS} clients send portraits all the while;
failed are replies other than 200, of the request in the dead worker's hands.

${table(
  ['', 'kills', 'median ms', 'longest ms', 'replies', 'failed'],
  [false, true].map(load => {
    const of = rounds.filter(round => round.load === load)
    const sum = (pick: (round: Round) => number): number => of.reduce((total, round) => total + pick(round), 0)
    return [
      load ? 'under load' : 'idle',
      String(of.length),
      median(of.map(r => r.ms)),
      Math.max(...of.map(r => r.ms)),
      load ? figure(sum(r => r.replies)) : null,
      load ? figure(sum(r => r.failed)) : null
    ]
  })
)}`
})

async function replace (server: BenchServer): Promise<number> {
  const victim = server.workers()[0]
  if (victim === undefined) throw new Error('Expected to see the workers of the service in /proc, saw none')
  const start = performance.now()
  process.kill(victim, 'SIGKILL')
  for (let died = false; performance.now() - start < GIVE_UP_MS; await delay(10)) {
    const { engine } = await (await fetch(`${server.origin}/health/ready`)).json() as { engine: { workersReady: number } }
    died ||= engine.workersReady < 2
    if (died && engine.workersReady === 2) return performance.now() - start
  }
  throw new Error(`Expected another worker within ${GIVE_UP_MS / 1000} s, there was none`)
}
