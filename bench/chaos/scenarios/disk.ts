// The disk is full: changes are refused with 503, photos are linked on, and when there is room again changes are taken.
import { execFileSync } from 'node:child_process'
import { mkdir, rm, stat, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { walPath } from '../../../src/kb/changes/open-changes.ts'
import { startProbe } from '../../speed/probe.ts'
import { ageLocks } from '../age-locks.ts'
import { createClient, faultsOf, newTally } from '../client.ts'
import { createLedger } from '../ledger.ts'
import type { Scenario, Stage } from '../scenario.ts'
import type { Service } from '../service.ts'

interface Disk {
  readonly name: string
  /** Leaves `bytes` of room for the change log. */
  readonly fill: (service: Service, dir: string, bytes: number) => Promise<void>
  readonly empty: (service: Service) => Promise<void>
  readonly close: () => void
}

const ROOM_BYTES = 8192
const CHANGES = 60

export const disk: Scenario = {
  name: 'disk',
  title: 'full disk',
  maxLiveMs: null,
  async run (stage) {
    const place = join(stage.folder, 'disk')
    await mkdir(place)
    const full = mountDisk(place) ?? limitSize()
    try {
      return await fillAndEmpty(stage, full)
    } finally {
      full.close()
    }
  }
}

async function fillAndEmpty (stage: Stage, full: Disk): Promise<Awaited<ReturnType<Scenario['run']>>> {
  const dir = await stage.copyIndex('disk')
  const tally = newTally()
  const ledger = createLedger()
  const links = newTally()
  const broken: string[] = []
  let lost = 0
  const rounds = stage.short ? 1 : 5
  let service = await stage.start({ env: { INDEX_DIR: dir } })
  await service.ready()
  const stopProbe = await startProbe(service.origin)
  let client = createClient(service.origin, tally)
  const linker = createClient(service.origin, links)
  for (let round = 0; round < rounds; round++) {
    await ledger.fill(client, 5)
    await full.fill(service, dir, ROOM_BYTES)
    const before = ledger.refused()
    await ledger.fill(client, CHANGES)
    if (ledger.refused() === before) broken.push(`${CHANGES} changes were taken with ${ROOM_BYTES} bytes of room`)
    for (const photo of stage.photos.slice(0, 5)) await linker.send('POST', '/link', photo)
    lost += (await ledger.compare(client)).length
    await full.empty(service)
    const acknowledged = ledger.acknowledged()
    await ledger.fill(client, 5)
    if (ledger.acknowledged() !== acknowledged + 5) broken.push('changes are refused although there is room again')
  }
  const live = await stopProbe()
  await client.close()
  await linker.close()
  await service.kill()
  await ageLocks(dir)
  service = await stage.start({ env: { INDEX_DIR: dir } })
  if (!await service.ready()) broken.push(`does not start after the disk was full: ${service.output()}`)
  client = createClient(service.origin, tally)
  lost += (await ledger.compare(client)).length
  await client.close()
  await service.stop()
  const linked = links.statuses.get(200) ?? 0
  const others = [...tally.statuses.keys()].filter(status => ![200, 201, 404, 503].includes(status))
  if (others.length > 0) broken.push(`changes on a full disk were answered with ${others.join(', ')}; 503 is promised`)
  if (linked < links.attempts) broken.push(`${links.attempts - linked} of ${links.attempts} photos were not linked on a full disk`)
  return {
    attempts: ledger.attempts() + links.attempts,
    acknowledged: ledger.acknowledged() + linked,
    lost,
    faults: faultsOf(tally) + faultsOf(links),
    live,
    growth: null,
    broken,
    notes: [`${full.name}, filled ${rounds} times; ${ledger.refused()} changes refused, ${linked} photos linked meanwhile`]
  }
}

/** A small file system in memory at `place`; null where it may not be mounted. */
function mountDisk (place: string): Disk | null {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', place], { stdio: 'ignore' })
  } catch {
    return null
  }
  const filler = join(place, 'filler')
  return {
    name: 'a file system of 8 MB',
    async fill (_service, _dir, bytes) {
      const { bavail, bsize } = await statfs(place)
      await writeFile(filler, Buffer.alloc(Math.max(0, bavail * bsize - bytes)))
    },
    empty: async () => { await rm(filler) },
    // Lazily: the service may have its log open still.
    close: () => { execFileSync('umount', ['-l', place]) }
  }
}

/** Limits the size of the files of the service: writes then fail as on a full disk. */
function limitSize (): Disk {
  const limit = ({ child }: Service, bytes: number | 'unlimited'): void => {
    execFileSync('prlimit', ['--pid', String(child.pid), `--fsize=${bytes}:unlimited`])
  }
  return {
    name: 'a limit on the size of files',
    fill: async (service, dir, bytes) => { limit(service, (await stat(walPath(dir))).size + bytes) },
    empty: async service => { limit(service, 'unlimited') },
    close: () => {}
  }
}
