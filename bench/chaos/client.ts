// An HTTP client with the key of the suite that counts what it gets.
import { Pool, type Dispatcher } from 'undici'
import { KEY } from './service.ts'

/** Longer than any reply may take: queue, deadline and grace of the service. */
const TIMEOUT_MS = 60_000

export interface Tally {
  attempts: number
  /** Replies by status; 0 where none came. */
  readonly statuses: Map<number, number>
}

export const newTally = (): Tally => ({ attempts: 0, statuses: new Map() })

export function countStatus (tally: Tally, status: number): void {
  tally.statuses.set(status, (tally.statuses.get(status) ?? 0) + 1)
}

/** Whether `status` is a 5xx that is never right: 503 and 504 say that a client may try again. */
export const isFault = (status: number): boolean => status >= 500 && status !== 503 && status !== 504

export function faultsOf ({ statuses }: Tally): number {
  return [...statuses].reduce((sum, [status, n]) => sum + (isFault(status) ? n : 0), 0)
}

/** `200 × 12, 413 × 3`; "no reply" for 0. */
export function describeStatuses ({ statuses }: Tally): string {
  return [...statuses].sort(([a], [b]) => a - b).map(([status, n]) => `${status === 0 ? 'no reply' : status} × ${n}`).join(', ')
}

export interface Answer { readonly status: number, readonly text: string }

export interface Client {
  /** @returns status 0 where no reply came. */
  readonly send: (method: Dispatcher.HttpMethod, path: string, body?: Buffer | string, type?: string) => Promise<Answer>
  readonly close: () => Promise<void>
}

export function createClient (origin: string, tally: Tally = newTally(), connections = 8): Client {
  const pool = new Pool(origin, { connections, pipelining: 1, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS })
  return {
    async send (method, path, body, type = typeof body === 'string' ? 'application/json' : 'image/jpeg') {
      tally.attempts++
      const headers = { 'x-api-key': KEY, ...(body === undefined ? {} : { 'content-type': type }) }
      const answer = await pool.request({ method, path, headers, body: body ?? null })
        .then(async reply => ({ status: reply.statusCode, text: await reply.body.text() }), () => ({ status: 0, text: '' }))
        .catch(() => ({ status: 0, text: '' }))
      countStatus(tally, answer.status)
      return answer
    },
    close: async () => { await pool.destroy() }
  }
}
