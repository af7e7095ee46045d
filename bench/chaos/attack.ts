// An attack on one server beside an honest client and the prober of its health.
import { figure } from '../speed/numbers.ts'
import { startProbe } from '../speed/probe.ts'
import { createClient, describeStatuses, faultsOf, newTally, type Tally } from './client.ts'
import { startHonest } from './honest.ts'
import type { Outcome, Stage } from './scenario.ts'
import type { Service } from './service.ts'

/** Sends what is hostile and counts the replies. */
export type Attack = (service: Service, tally: Tally, short: boolean) => Promise<void>

/** @param isRight whether a reply to the attack is as it should be. */
export async function attackOne (
  stage: Stage,
  attacks: Readonly<Record<string, Attack>>,
  isRight: (status: number) => boolean
): Promise<Outcome> {
  const service = await stage.start({ env: { INDEX_DIR: await stage.copyIndex(), WORKERS: '2' } })
  await service.ready()
  const client = createClient(service.origin)
  for (const photo of stage.photos.slice(0, 8)) await client.send('POST', '/link', photo)
  const live: number[] = []
  const stopHonest = startHonest(service.origin, stage.photos)
  const broken: string[] = []
  const notes: string[] = []
  let [attempts, faults] = [0, 0]
  for (const [name, attack] of Object.entries(attacks)) {
    const tally = newTally()
    const stopProbe = await startProbe(service.origin)
    await attack(service, tally, stage.short)
    const times = await stopProbe()
    live.push(...times)
    attempts += tally.attempts
    faults += faultsOf(tally)
    notes.push(`${name}: ${describeStatuses(tally)}; live up to ${figure(Math.max(...times))} ms`)
    const wrong = [...tally.statuses.keys()].filter(status => !isRight(status))
    if (wrong.length > 0) broken.push(`${name} was answered with ${wrong.join(', ')}`)
    if (!service.isRunning()) throw new Error(`Expected the service to go on after ${name}, it ended: ${service.output()}`)
  }
  const honest = await stopHonest()
  const after = await client.send('POST', '/link', stage.photos[0])
  if (after.status !== 200) broken.push(`a photo after the attacks was answered with ${after.status}`)
  await client.close()
  await service.stop()
  return {
    attempts: attempts + honest.attempts,
    acknowledged: honest.linked,
    lost: honest.lost,
    faults,
    live,
    growth: null,
    broken,
    notes: [...notes, `photos of an honest client meanwhile: ${honest.statuses}`]
  }
}
