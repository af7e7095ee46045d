// The choice of a search in a process of its own: hnswlib-node inserts synchronously, minutes for a large index.
import { fork } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { FEW_VECTORS } from './choose-search.ts'
import { runSearchJob, type Chosen, type SearchJob, type SearchStage } from './tune.ts'

export type SearchMessage = { readonly stage: SearchStage, readonly done: number } | { readonly chosen: Chosen }

export async function chooseSearchAside (job: SearchJob, onDone: (stage: SearchStage, done: number) => void): Promise<Chosen> {
  if (job.count < FEW_VECTORS) return await runSearchJob(job, onDone)
  const fromSource = import.meta.url.endsWith('.ts')
  const execArgv = fromSource ? ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href] : []
  const child = fork(fileURLToPath(new URL(fromSource ? '../tune-process.ts' : '../tune-process.js', import.meta.url)), [JSON.stringify(job)], { execArgv })
  return await new Promise((resolve, reject) => {
    let chosen: Chosen | undefined
    child.on('message', (message: SearchMessage) => {
      if ('chosen' in message) chosen = message.chosen
      else onDone(message.stage, message.done)
    })
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      if (code === 0 && chosen !== undefined) resolve(chosen)
      else reject(new Error(`Expected a graph, but the process that builds it ended with ${signal ?? code ?? 'nothing'}; look above for its error, and for free memory and disk space`))
    })
  })
}
