// Program of a thread that searches the memory of an index. See search-threads.ts.
import { parentPort, workerData } from 'node:worker_threads'
import type { Space } from '../../types.ts'
import { createSearcher, type Search } from './searcher.ts'
import type { FromThread, ThreadSettings, ToThread } from './threads.ts'

const { spaces, slot } = workerData as ThreadSettings
const searches = new Map(Object.entries(spaces).map(([space, index]): [Space, Search] => [space as Space, createSearcher(index, slot)]))

parentPort!.on('message', ({ call, space, query, k }: ToThread) => {
  const { rows, similarities } = searches.get(space)!(query, k)
  parentPort!.postMessage({ call, rows, similarities } satisfies FromThread, [rows.buffer as ArrayBuffer, similarities.buffer as ArrayBuffer])
})
parentPort!.postMessage('ready')
