// Threads that search one index, so that a search does not block the event loop. They run while the index is open and read the
// shared memory of its tables.
import { setTimeout as delay } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import { startThread } from '../../program.ts'
import type { Space } from '../../types.ts'
import type { Hits } from './top-k.ts'
import type { SearchedSpace } from './searcher.ts'

export type SearchedSpaces = { readonly [S in Space]?: SearchedSpace }

/** `workerData` of a thread. */
export interface ThreadSettings { readonly spaces: SearchedSpaces, readonly slot: number }

export interface ToThread { readonly call: number, readonly space: Space, readonly query: Float32Array, readonly k: number }
export interface FromThread extends Hits { readonly call: number }

export interface SearchThreads {
  /** @returns null for a space that is not theirs, where no thread runs, or where the thread died in the call. */
  search: (space: Space, query: Float32Array, k: number) => Promise<Hits | null>
  /** Thread ids of the running threads. */
  ids: () => number[]
  close: () => Promise<void>
}

/** Wait before a thread that died is replaced, doubled after each failed start up to MAX_RESTART_MS, ms. */
const RESTART_MS = 1000
const MAX_RESTART_MS = 60_000

interface ThreadSlot { readonly slot: number, worker: Worker | null, readonly calls: Map<number, (hits: Hits | null) => void> }

/** Logs a sentence. */
export type Tell = (level: 'info' | 'warn', sentence: string) => void

/**
 * Resolves when the threads run.
 *
 * @param threads how many; the tables need a slot for each and one for the thread that opened the index.
 * @throws where one does not start.
 */
export async function startSearchThreads (searched: SearchedSpaces, threads: number, log: Tell = () => {}): Promise<SearchThreads> {
  // The objects may hold more than shared memory, which cannot be posted to a thread.
  const spaces = Object.fromEntries(Object.entries(searched).map(([space, { vectors, entityRows, first, pca, graph }]) => {
    return [space, { vectors, entityRows, first, pca, graph }]
  })) as SearchedSpaces
  // Slot 0 is that of the thread that opened the index.
  const slots = Array.from({ length: threads }, (_, i): ThreadSlot => ({ slot: i + 1, worker: null, calls: new Map() }))
  let closing = false
  let lastCall = 0

  /** Resolves when the thread is ready, with a promise of its end. */
  const start = async (slot: ThreadSlot): Promise<{ ended: Promise<void> }> => {
    const worker = startThread('./thread', import.meta.url, { spaces, slot: slot.slot })
    const ended = new Promise<void>(resolve => {
      worker.once('exit', () => {
        slot.worker = null
        for (const answer of slot.calls.values()) answer(null)
        slot.calls.clear()
        resolve()
      })
    })
    await new Promise<void>((resolve, reject) => {
      // The first message says that it is ready.
      worker.once('message', resolve)
      worker.on('error', reject)
      worker.once('exit', code => { reject(new Error(`Expected a thread that searches, but it ended with ${code}`)) })
    })
    worker.on('message', ({ call, rows, similarities }: FromThread) => {
      slot.calls.get(call)?.({ rows, similarities })
      slot.calls.delete(call)
    })
    slot.worker = worker
    if (closing) await worker.terminate()
    return { ended }
  }

  /** Replaces the thread of a slot whenever it ends. */
  const supervise = async (slot: ThreadSlot, ended: Promise<void>): Promise<void> => {
    await ended
    for (let failures = 0; ;) {
      await delay(Math.min(RESTART_MS * 2 ** failures, MAX_RESTART_MS), undefined, { ref: false })
      if (closing) return
      try {
        const next = await start(slot)
        if (failures > 0) log('info', `search thread ${slot.slot} runs again`)
        failures = 0
        await next.ended
      } catch (error) {
        if (failures++ > 0) continue
        const { message } = error as Error
        const consequence = 'without one, searches hold up everything else'
        log('warn', `search thread ${slot.slot} does not start, and is tried again: ${message}; ${consequence}`)
      }
    }
  }

  const close = async (): Promise<void> => {
    closing = true
    await Promise.all(slots.map(async ({ worker }) => await worker?.terminate()))
  }
  try {
    await Promise.all(slots.map(async slot => { void supervise(slot, (await start(slot)).ended) }))
  } catch (error) {
    await close()
    throw error
  }
  return {
    async search (space, query, k) {
      const running = slots.filter(({ worker }) => worker !== null)
      if (spaces[space] === undefined || running.length === 0) return null
      const idlest = running.reduce((best, one) => one.calls.size < best.calls.size ? one : best)
      return await new Promise(resolve => {
        const call = ++lastCall
        idlest.calls.set(call, resolve)
        idlest.worker!.postMessage({ call, space, query, k } satisfies ToThread)
      })
    },
    ids: () => slots.flatMap(({ worker }) => worker === null ? [] : [worker.threadId]),
    close
  }
}
