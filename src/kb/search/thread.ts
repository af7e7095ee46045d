// Program of a search thread: see threads.ts.
import { parentPort, workerData } from 'node:worker_threads'
import type { Space } from '../../types.ts'
import { openSearcher, type Search } from './searcher.ts'
import type { FromThread, ThreadSettings, ToThread } from './threads.ts'

const { spaces, slot } = workerData as ThreadSettings
const searchers = new Map(await Promise.all(Object.entries(spaces).map(async ([space, index]): Promise<[Space, Search]> => {
  return [space as Space, await openSearcher(index, slot)]
})))

parentPort!.on('message', ({ call, space, query, k }: ToThread) => {
  const { rows, similarities } = searchers.get(space)!(query, k)
  const reply: FromThread = { call, rows, similarities }
  parentPort!.postMessage(reply, [rows.buffer as ArrayBuffer, similarities.buffer as ArrayBuffer])
})
parentPort!.postMessage('ready')
