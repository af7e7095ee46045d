// The server is killed with SIGKILL while it takes changes and compacts: what it acknowledged is there after each restart.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { root } from '../../speed/photos.ts'
import { ageLocks } from '../age-locks.ts'
import { createClient, faultsOf, newTally } from '../client.ts'
import { createLedger, describeFirst, type Difference } from '../ledger.ts'
import type { Scenario, Stage } from '../scenario.ts'
import { VEL } from '../service.ts'

/** Of these, some add photos, which takes a worker's time; the others write as fast as they are answered. */
const [WRITERS, WITH_PHOTOS] = [16, 3]
/** Time between the start of writing and the kill, ms. */
const LONGEST_MS = 3000
/** A lock of a killed process is waited for in one round of this many; in the others it is made old at once. */
const WAIT_EVERY = 10
const COMPACT_EVERY = 4
/** The server compacts one second after a person was deleted, which is all the time. */
const ENV = { ERASE_AFTER_S: '1' }

export const kills: Scenario = {
  name: 'kills',
  title: 'kill -9 under writes and compaction',
  maxLiveMs: null,
  async run (stage) {
    const dir = await stage.copyIndex()
    const ledger = createLedger()
    const tally = newTally()
    const lost = new Map<string, Difference>()
    const rounds = stage.short ? 3 : 40
    let compactions = 0
    for (let round = 0; round < rounds; round++) {
      const service = await stage.start({ env: { ...ENV, INDEX_DIR: dir } })
      const ready = await service.ready()
      if (!ready) throw new Error(`Expected the service to start after a kill, it ended: ${service.output()}`)
      const client = createClient(service.origin, tally, WRITERS)
      for (const one of await ledger.compare(client, 'settle')) lost.set(one.id, one)
      const stopping = new AbortController()
      const writing = Array.from({ length: WRITERS }, async (_, i) => {
        await ledger.write(client, i < WITH_PHOTOS ? stage.photos : [], stopping.signal)
      })
      await delay(30 + stage.random() * LONGEST_MS)
      const killed = service.kill()
      stopping.abort()
      await killed
      await Promise.all(writing)
      await client.close()
      if (round % WAIT_EVERY !== WAIT_EVERY - 1) await ageLocks(dir)
      if (round % COMPACT_EVERY === 1) {
        await killCompaction(stage, dir)
        await ageLocks(dir)
        compactions++
      }
    }
    const service = await stage.start({ env: { ...ENV, INDEX_DIR: dir } })
    if (!await service.ready()) throw new Error(`Expected the service to start after a kill, it ended: ${service.output()}`)
    const client = createClient(service.origin, tally)
    for (const one of await ledger.compare(client, 'settle')) lost.set(one.id, one)
    await client.close()
    await service.stop()
    return {
      attempts: ledger.attempts(),
      acknowledged: ledger.acknowledged(),
      lost: lost.size,
      faults: faultsOf(tally),
      live: null,
      growth: null,
      broken: describeFirst([...lost.values()]),
      notes: [`${rounds} kills of the server under ${WRITERS} writers, ${compactions} of \`vel kb compact\``]
    }
  }
}

async function killCompaction ({ random }: Stage, dir: string): Promise<void> {
  const child = spawn(process.execPath, [VEL, 'kb', 'compact', dir], { cwd: root, stdio: 'ignore' })
  const ended = once(child, 'exit')
  await Promise.race([ended, delay(300 + random() * 1500)])
  child.kill('SIGKILL')
  await ended
}
