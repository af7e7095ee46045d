// Two servers behind a load balancer are restarted in turn under traffic, without anything that waits before SIGTERM.
import { setTimeout as delay } from 'node:timers/promises'
import { createBalancer } from '../balancer.ts'
import { describeStatuses, faultsOf, newTally } from '../client.ts'
import type { Scenario } from '../scenario.ts'
import type { Service } from '../service.ts'

const CHECK_EVERY_MS = 250
/** As by default. */
const DRAIN_MS = '2000'
const CLIENTS = 4

export const rolling: Scenario = {
  name: 'rolling',
  title: 'rolling restarts of two servers',
  maxLiveMs: null,
  async run (stage) {
    const restarts = stage.short ? 2 : 20
    const settings = await Promise.all([0, 1].map(async i => ({ env: { INDEX_DIR: await stage.copyIndex(`${i}`), DRAIN_MS } })))
    const services: Service[] = []
    for (const one of settings) services.push(await stage.start(one))
    await Promise.all(services.map(async service => await service.ready()))
    const tally = newTally()
    const balancer = createBalancer(services.map(({ origin }) => origin), CHECK_EVERY_MS, tally)
    const stopping = new AbortController()
    let unsent = 0
    const traffic = Array.from({ length: CLIENTS }, async (_, c) => {
      for (let i = c; !stopping.signal.aborted; i++) {
        const photo = stage.photos[i % stage.photos.length]
        const before = tally.attempts
        const { status } = i % 3 === 0 ? await balancer.send('GET', '/entities/Q207') : await balancer.send('POST', '/link', photo)
        if (status === 0 && tally.attempts === before) unsent++
        await delay(20)
      }
    })
    const broken: string[] = []
    for (let n = 0; n < restarts; n++) {
      const i = n % services.length
      await delay(500)
      const { port, stop, exited } = services[i]!
      await stop()
      if (await exited !== 0) broken.push(`restart ${n + 1}: the server ended with exit code ${await exited}`)
      services[i] = await stage.start({ ...settings[i]!, port })
      if (!await services[i]!.ready()) throw new Error(`Expected the server to start again, it ended: ${services[i]!.output()}`)
      // As an orchestrator does: the next one is restarted when the balancer sends to this one again.
      await delay(2 * CHECK_EVERY_MS)
    }
    stopping.abort()
    await Promise.all(traffic)
    await balancer.close()
    const answered = tally.statuses.get(200) ?? 0
    return {
      attempts: tally.attempts + unsent,
      acknowledged: answered,
      lost: tally.attempts + unsent - answered,
      faults: faultsOf(tally),
      live: null,
      growth: null,
      broken,
      notes: [
        `${restarts} restarts behind checks of \`/health/ready\` every ${CHECK_EVERY_MS} ms, DRAIN_MS=${DRAIN_MS}: ` +
          describeStatuses(tally)
      ]
    }
  }
}
