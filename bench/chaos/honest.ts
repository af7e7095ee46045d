// An honest client beside an attack: it sends a photo now and then, and each must be linked or refused for the time being.
import { setTimeout as delay } from 'node:timers/promises'
import { createClient, describeStatuses, newTally } from './client.ts'

export interface Honest {
  readonly attempts: number
  readonly linked: number
  /** Photos with a reply other than 200, 503 and 504. */
  readonly lost: number
  readonly statuses: string
}

/** Starts sending. @returns a function that stops it. */
export function startHonest (origin: string, photos: readonly Buffer[], everyMs = 200): () => Promise<Honest> {
  const tally = newTally()
  const client = createClient(origin, tally, 1)
  const stopping = new AbortController()
  const sending = (async () => {
    for (let i = 0; !stopping.signal.aborted; i = (i + 1) % photos.length) {
      await client.send('POST', '/link', photos[i])
      await delay(everyMs)
    }
  })()
  return async () => {
    stopping.abort()
    await sending
    await client.close()
    const [linked, later] = [[200], [503, 504]].map(right => right.reduce((sum, status) => sum + (tally.statuses.get(status) ?? 0), 0))
    return { attempts: tally.attempts, linked: linked!, lost: tally.attempts - linked! - later!, statuses: describeStatuses(tally) }
  }
}
