// What was written and acknowledged, and whether a service still has it.
import { setTimeout as delay } from 'node:timers/promises'
import pMap from 'p-map'
import { sha256 } from '../../src/files.ts'
import type { Answer, Client } from './client.ts'

/** A person as `GET /entities/:id` shows it, as text; or absent. */
type State = string
const ABSENT: State = 'absent'
const stateOf = (name: string, images: readonly string[]): State => JSON.stringify([name, [...images].sort()])

export interface Difference { readonly id: string, readonly expected: readonly State[], readonly found: State }

/** One of the differences in words; none where there is none. */
export function describeFirst ([first]: readonly Difference[]): string[] {
  return first === undefined ? [] : [`for example ${first.id}: expected ${first.expected.join(' or ')}, found ${first.found}`]
}

export interface Ledger {
  /** Writes about new people, change by change, until `signal` fires or a change is not acknowledged. */
  readonly write: (client: Client, photos: readonly Buffer[], signal: AbortSignal) => Promise<void>
  /** Writes about one new person. */
  readonly writeOne: (client: Client, photos: readonly Buffer[]) => Promise<void>
  /** Puts `count` new people. */
  readonly fill: (client: Client, count: number) => Promise<void>
  /**
   * Compares all people. `settle`: what a change without a reply came to is from now on what a reader must find.
   *
   * @returns those that are neither as acknowledged nor as a change without a reply would have them.
   */
  readonly compare: (client: Client, settle?: 'settle') => Promise<Difference[]>
  readonly attempts: () => number
  readonly acknowledged: () => number
  /** Changes that were refused, by a reply that says so. */
  readonly refused: () => number
  /** Ids that a service must have. */
  readonly present: () => string[]
}

const CHECKS_AT_ONCE = 16
/** One person in this many gets a photo, which takes a worker's time. */
const PHOTO_EVERY = 6

export function createLedger (): Ledger {
  /** States that a reader may find: one, or two where the reply to a change is missing. */
  const known = new Map<string, readonly State[]>()
  let last = 9_000_000
  let [attempts, acknowledged, refused] = [0, 0, 0]

  const change = async (id: string, next: State, send: () => Promise<Answer>): Promise<boolean> => {
    const before = known.get(id) ?? [ABSENT]
    known.set(id, [...new Set([...before, next])])
    attempts++
    const { status } = await send()
    if (status >= 200 && status < 300) {
      known.set(id, [next])
      acknowledged++
      return true
    }
    // 504 may come before or after the change; every other reply says that nothing was changed.
    if (status !== 0 && status !== 504) {
      known.set(id, before)
      refused++
    }
    return false
  }
  const put = async (client: Client, id: string, name: string, images: readonly string[] = []): Promise<boolean> => {
    return await change(id, stateOf(name, images), async () => await client.send('PUT', `/entities/${id}`, JSON.stringify({ name })))
  }
  const writeAbout = async (client: Client, id: string, n: number, photos: readonly Buffer[]): Promise<boolean> => {
    const photo = photos[n % photos.length]
    const image = photo === undefined ? null : sha256(photo).slice(0, 16)
    if (!await put(client, id, `First ${id}`)) return false
    if (photo !== undefined && image !== null && n % PHOTO_EVERY === 0) {
      const path = `/entities/${id}/images`
      if (!await change(id, stateOf(`First ${id}`, [image]), async () => await client.send('POST', path, photo))) return false
      if (!await put(client, id, `Second ${id}`, [image])) return false
      if (n % (2 * PHOTO_EVERY) !== 0) return true
      return await change(id, stateOf(`Second ${id}`, []), async () => await client.send('DELETE', `${path}/${image}`))
    }
    if (n % 3 === 1) return await put(client, id, `Second ${id}`)
    if (n % 3 === 2) return await change(id, ABSENT, async () => await client.send('DELETE', `/entities/${id}`))
    return true
  }
  const writeNext = async (client: Client, photos: readonly Buffer[]): Promise<boolean> => {
    const n = ++last
    return await writeAbout(client, `Q${n}`, n, photos)
  }
  return {
    async write (client, photos, signal) {
      while (!signal.aborted) if (!await writeNext(client, photos)) await delay(20)
    },
    async writeOne (client, photos) { await writeNext(client, photos) },
    async fill (client, count) {
      await pMap(Array.from({ length: count }, () => `Q${++last}`), async id => await put(client, id, `First ${id}`), {
        concurrency: CHECKS_AT_ONCE
      })
    },
    async compare (client, settle) {
      const wrong: Difference[] = []
      await pMap([...known], async ([id, states]) => {
        const { status, text } = await client.send('GET', `/entities/${id}`)
        const found = status === 404 ? ABSENT : status === 200 ? read(text) : `status ${status}`
        if (!states.includes(found)) wrong.push({ id, expected: states, found })
        else if (settle !== undefined) known.set(id, [found])
      }, { concurrency: CHECKS_AT_ONCE })
      return wrong
    },
    attempts: () => attempts,
    acknowledged: () => acknowledged,
    refused: () => refused,
    present: () => [...known].filter(([, states]) => !states.includes(ABSENT)).map(([id]) => id)
  }
}

function read (text: string): State {
  const { name, images } = JSON.parse(text) as { name: string, images: string[] }
  return stateOf(name, images)
}
