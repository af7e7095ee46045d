// The change log is damaged between two runs, or deleted under the server: nothing acknowledged disappears silently.
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { walPath } from '../../../src/kb/changes/open-changes.ts'
import { createClient, faultsOf, newTally, type Client, type Tally } from '../client.ts'
import { createLedger, type Ledger } from '../ledger.ts'
import type { Scenario, Stage } from '../scenario.ts'

/** @returns what is in the file after the damage. `at` is a number 0..1. */
type Damage = (log: Buffer, at: number) => Buffer
const LINE_FEED = 0x0a

const DAMAGES: Readonly<Record<string, Damage>> = {
  'a flipped bit': (log, at) => {
    const damaged = Buffer.from(log)
    const bit = Math.floor(at * log.length * 8)
    damaged[bit >> 3]! ^= 1 << (bit & 7)
    return damaged
  },
  'a cut end': (log, at) => log.subarray(0, Math.floor(at * log.length)),
  'a cut beginning': (log, at) => log.subarray(Math.floor(at * log.length)),
  'zeros over a block': (log, at) => Buffer.from(log).fill(0, Math.floor(at * log.length), Math.floor(at * log.length) + 512),
  'zeros at the end': log => Buffer.concat([log, Buffer.alloc(4096)]),
  'text at the end': log => Buffer.concat([log, Buffer.from('this is not a change\n')]),
  'half a line at the end': (log, at) => Buffer.concat([log, lastLine(log).subarray(0, Math.floor(at * lastLine(log).length))]),
  'the last line twice': log => Buffer.concat([log, lastLine(log)]),
  'a line left out': (log, at) => {
    const start = log.indexOf(LINE_FEED, Math.floor(at * (log.length - lastLine(log).length - 1))) + 1
    return Buffer.concat([log.subarray(0, start), log.subarray(log.indexOf(LINE_FEED, start) + 1)])
  },
  'another file': () => Buffer.from('Dear diary,\nnothing of this is a change log.\n')
}

const SHORT = ['a flipped bit', 'a cut end', 'text at the end', 'a line left out']

const lastLine = (log: Buffer): Buffer => log.subarray(log.lastIndexOf(LINE_FEED, log.length - 2) + 1)

export const damage: Scenario = {
  name: 'damage',
  title: 'damaged change logs',
  maxLiveMs: null,
  async run (stage) {
    const tally = newTally()
    const ledger = createLedger()
    const dir = await stage.copyIndex('whole')
    const deletions = await deleteUnderServer(stage, dir, ledger, tally)
    const whole = dirname(dir)
    const log = await readFile(walPath(dir))
    const rounds = stage.short ? 1 : 6
    const seen = { tried: 0, refused: 0, kept: 0, lost: deletions.lost }
    const broken: string[] = []
    const kinds = Object.entries(DAMAGES).filter(([name]) => !stage.short || SHORT.includes(name))
    for (const [name, damageOf] of kinds) {
      for (let round = 0; round < rounds; round++) {
        const place = join(stage.folder, `${seen.tried++}`)
        await mkdir(place)
        await cp(whole, place, { recursive: true })
        const damaged = damageOf(log, stage.random())
        const verdict = await startOn(stage, join(place, 'starter'), damaged, log, ledger, tally)
        if (verdict.refused) seen.refused++
        else if (verdict.missing > 0) seen.kept++
        seen.lost += verdict.lost
        broken.push(...verdict.broken.map(sentence => `${name}: ${sentence}`))
        await rm(place, { recursive: true, force: true })
      }
    }
    return {
      attempts: seen.tried + deletions.tried,
      acknowledged: ledger.acknowledged(),
      lost: seen.lost,
      faults: faultsOf(tally),
      live: null,
      growth: null,
      broken,
      notes: [
        `${seen.tried} damaged logs of ${kinds.length} kinds: ${seen.refused} refused with a sentence, ${seen.kept} taken ` +
          'up to the damage with a sentence and the rest kept beside; lost counts what was whole in the file and is nowhere after the start'
      ]
    }
  }
}

/** Deletes or overwrites the log under the running server, writes on, and starts again. The log is whole at the end. */
async function deleteUnderServer (
  { start, photos }: Stage, dir: string, ledger: Ledger, tally: Tally
): Promise<{ tried: number, lost: number }> {
  let lost = 0
  const deeds = [async () => {}, async () => { await rm(walPath(dir)) }, async () => { await writeFile(walPath(dir), 'x') }]
  for (const deed of deeds) {
    const service = await start({ env: { INDEX_DIR: dir } })
    if (!await service.ready()) throw new Error(`Expected the service to start, it ended: ${service.output()}`)
    const client = createClient(service.origin, tally)
    lost += (await ledger.compare(client)).length
    await write(ledger, client, photos, 300)
    await deed()
    await write(ledger, client, photos, 300)
    await client.close()
    await service.stop()
  }
  return { tried: deeds.length - 1, lost }
}

async function write (ledger: Ledger, client: Client, photos: readonly Buffer[], ms: number): Promise<void> {
  const stopping = new AbortController()
  const writing = ledger.write(client, photos, stopping.signal)
  await delay(ms)
  stopping.abort()
  await writing
}

interface Verdict { readonly refused: boolean, readonly missing: number, readonly lost: number, readonly broken: readonly string[] }

async function startOn (
  stage: Stage, dir: string, damaged: Buffer, log: Buffer, ledger: Ledger, tally: Tally
): Promise<Verdict> {
  await writeFile(walPath(dir), damaged)
  const service = await stage.start({ env: { INDEX_DIR: dir } })
  if (!await service.ready()) {
    const said = /^vel serve: .*changes.*; .+$/m.test(service.output())
    const same = damaged.equals(await readFile(walPath(dir)))
    const broken = said ? [] : [`refused without a sentence on the log: ${service.output()}`]
    return { refused: true, missing: 0, lost: 0, broken: same ? broken : [...broken, 'refused, and changed the log'] }
  }
  const client = createClient(service.origin, tally)
  const missing = await absentees(ledger, client)
  await client.close()
  const said = service.output().includes('.changes')
  await service.stop()
  const beside = await textBeside(dir)
  // Lines that the damage left whole; what it destroyed cannot be there.
  const whole = damaged.toString('latin1').split('\n').slice(0, -1).filter(line => log.includes(`${line}\n`, 0, 'latin1'))
  const lost = missing.filter(id => whole.some(line => line.includes(`"${id}"`)) && !beside.includes(`"${id}"`))
  // Where whole lines are gone from the end, nothing in the file shows it.
  const atLine = damaged.length === 0 || damaged.at(-1) === LINE_FEED
  const unseen = atLine && damaged.length < log.length && damaged.equals(log.subarray(0, damaged.length))
  const silent = missing.length > 0 && !said && !unseen
  return { refused: false, missing: missing.length, lost: lost.length, broken: silent ? ['changes are missing and nothing is said'] : [] }
}

/** @returns ids of people who must be there and are not. */
async function absentees (ledger: Ledger, client: Client): Promise<string[]> {
  const missing: string[] = []
  for (const id of ledger.present()) if ((await client.send('GET', `/entities/${id}`)).status !== 200) missing.push(id)
  return missing
}

/** All files beside the index, the log among them. */
async function textBeside (dir: string): Promise<string> {
  const entries = await readdir(dirname(dir), { withFileTypes: true })
  const files = entries.filter(entry => entry.isFile()).map(({ name }) => join(dirname(dir), name))
  return (await Promise.all(files.map(async file => await readFile(file, 'latin1')))).join('\n')
}
