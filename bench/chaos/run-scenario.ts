// Runs a scenario on a stage that is cleared afterwards, and judges the outcome.
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRandom } from '../../src/math/random.ts'
import { drawImage } from '../../test/helpers/images.ts'
import { hasShared } from '../../test/helpers/shared.ts'
import { benchIndex } from '../speed/bench-index.ts'
import { figure, percent, percentile } from '../speed/numbers.ts'
import { portraits } from '../speed/photos.ts'
import type { Outcome, Scenario } from './scenario.ts'
import { startService, type Service } from './service.ts'

export interface RunOptions {
  readonly short: boolean
  readonly minutes: number
}

export interface Judged {
  readonly scenario: Scenario
  readonly outcome: Outcome
  /** Sentences on all promises that were broken. */
  readonly broken: readonly string[]
  readonly seconds: number
}

const MAX_LIVE_P99_MS = 100
const MAX_GROWTH = 0.1
/** The short form runs on machines that do other things too: it finds what blocks the service for seconds. */
const SHORT_FACTOR = 10
const PHOTOS = 32

export async function runScenario (scenario: Scenario, { short, minutes }: RunOptions): Promise<Judged> {
  const folder = await mkdtemp(join(tmpdir(), 'vel-chaos-'))
  const services: Service[] = []
  const killAll = (): void => { for (const { child } of services) child.kill('SIGKILL') }
  process.once('exit', killAll)
  const started = performance.now()
  try {
    const outcome = await scenario.run({
      short,
      minutes,
      folder,
      random: createRandom(14),
      photos: await photos(),
      async copyIndex (place = '.') {
        const copy = join(folder, place, 'starter')
        await cp(await benchIndex(), copy, { recursive: true })
        return copy
      },
      async start (settings) {
        const service = await startService(settings)
        services.push(service)
        return service
      }
    })
    return { scenario, outcome, broken: judge(scenario, outcome, short), seconds: (performance.now() - started) / 1000 }
  } finally {
    process.removeListener('exit', killAll)
    killAll()
    await Promise.all(services.map(async ({ exited }) => await exited))
    await rm(folder, { recursive: true, force: true })
  }
}

async function photos (): Promise<Buffer[]> {
  if (hasShared) return await portraits(PHOTOS)
  return await Promise.all(Array.from({ length: PHOTOS }, async (_, i) => await drawImage('jpeg', 200 + i, 200)))
}

function judge ({ maxLiveMs }: Scenario, { lost, faults, live, growth, broken }: Outcome, short: boolean): string[] {
  const slack = short ? SHORT_FACTOR : 1
  const [p99Limit, maxLimit] = [MAX_LIVE_P99_MS * slack, maxLiveMs === null ? Infinity : maxLiveMs * slack]
  const p99 = percentile(live ?? [], 0.99)
  const max = Math.max(0, ...live ?? [])
  return [
    ...lost > 0 ? [`${lost} lost`] : [],
    ...faults > 0 ? [`${faults} replies of 5xx other than 503 and 504`] : [],
    ...p99 >= p99Limit ? [`/health/live took ${figure(p99)} ms (p99), below ${p99Limit} is promised`] : [],
    ...max >= maxLimit ? [`/health/live took up to ${figure(max)} ms, below ${maxLimit} is promised`] : [],
    ...!short && (growth ?? 0) >= MAX_GROWTH ? [`memory grew by ${percent(growth!)}, below ${percent(MAX_GROWTH)} is promised`] : [],
    ...broken
  ]
}
