// Threads that search one index, so that the event loop never waits for it. They live as long as the index is open, read
// the memory that it was loaded into, and hold nothing of their own.
import { setTimeout as delay } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import { startThread } from '../../program.ts'
import type { Space } from '../../types.ts'
import type { Hits } from './top-k.ts'
import { THREAD_SLOTS } from './dot-kernel.ts'
import type { SearchedSpace } from './searcher.ts'

export type SearchedSpaces = { readonly [S in Space]?: SearchedSpace }

/** What a thread is started with. */
export interface ThreadSettings { readonly spaces: SearchedSpaces, readonly slot: number }

export interface ToThread { readonly call: number, readonly space: Space, readonly query: Float32Array, readonly k: number }
export interface FromThread extends Hits { readonly call: number }

export interface SearchThreads {
  /** @returns null where the space is not theirs, or the thread died over it. */
  search: (space: Space, query: Float32Array, k: number) => Promise<Hits | null>
  /** Process-wide ids of those that run. */
  ids: () => number[]
  close: () => Promise<void>
}

/** Slot 0 is of the thread that opened the index. */
const THREADS = THREAD_SLOTS - 1
/** Wait before a thread that died is replaced, and after starts that failed in a row at most, ms. */
const RESTART_MS = 1000
const LONGEST_WAIT_MS = 60_000

interface Place { readonly slot: number, worker: Worker | null, readonly calls: Map<number, (hits: Hits | null) => void> }

/** Tells a sentence to whoever runs the service. */
export type Tell = (level: 'info' | 'warn', sentence: string) => void

/** @returns when they run. */
export async function startSearchThreads (given: SearchedSpaces, say: Tell = () => {}): Promise<SearchThreads> {
  // What is more than shared memory stays here.
  const spaces = Object.fromEntries(Object.entries(given).map(([space, { vectors, entityRows, first, pca }]) => [space, { vectors, entityRows, first, pca }])) as SearchedSpaces
  const places = Array.from({ length: THREADS }, (_, i): Place => ({ slot: i + 1, worker: null, calls: new Map() }))
  let closing = false
  let lastCall = 0

  /** @returns when it is ready, a promise of its end. */
  const start = async (place: Place): Promise<{ ended: Promise<void> }> => {
    const worker = startThread('./thread', import.meta.url, { spaces, slot: place.slot })
    const ended = new Promise<void>(resolve => {
      worker.once('exit', () => {
        place.worker = null
        for (const give of place.calls.values()) give(null)
        place.calls.clear()
        resolve()
      })
    })
    await new Promise<void>((resolve, reject) => {
      // Its first word is that it is ready.
      worker.once('message', resolve)
      worker.on('error', reject)
      worker.once('exit', code => { reject(new Error(`Expected a thread that searches, but it ended with ${code}`)) })
    })
    worker.on('message', ({ call, rows, similarities }: FromThread) => {
      place.calls.get(call)?.({ rows, similarities })
      place.calls.delete(call)
    })
    place.worker = worker
    if (closing) await worker.terminate()
    return { ended }
  }

  /** One thread after another at one place. */
  const keep = async (place: Place, ended: Promise<void>): Promise<void> => {
    await ended
    for (let failures = 0; ;) {
      await delay(Math.min(RESTART_MS * 2 ** failures, LONGEST_WAIT_MS), undefined, { ref: false })
      if (closing) return
      try {
        const next = await start(place)
        if (failures > 0) say('info', `search thread ${place.slot} runs again`)
        failures = 0
        await next.ended
      } catch (error) {
        if (failures++ === 0) say('warn', `search thread ${place.slot} does not start, and is tried again: ${(error as Error).message}; without one, searches hold up everything else`)
      }
    }
  }

  const close = async (): Promise<void> => {
    closing = true
    await Promise.all(places.map(async ({ worker }) => await worker?.terminate()))
  }
  try {
    await Promise.all(places.map(async place => { void keep(place, (await start(place)).ended) }))
  } catch (error) {
    await close()
    throw error
  }
  return {
    async search (space, query, k) {
      const running = places.filter(({ worker }) => worker !== null)
      if (spaces[space] === undefined || running.length === 0) return null
      const place = running.reduce((best, one) => one.calls.size < best.calls.size ? one : best)
      return await new Promise(resolve => {
        const call = ++lastCall
        place.calls.set(call, resolve)
        place.worker!.postMessage({ call, space, query, k } satisfies ToThread)
      })
    },
    ids: () => places.flatMap(({ worker }) => worker === null ? [] : [worker.threadId]),
    close
  }
}
