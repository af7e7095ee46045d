// Reads a file of vectors, chooses how it is searched, writes the graph or the coarse copy that takes; and of faces, how
// similar others usually are to each entity, and who looks alike.
import { writeFile } from 'node:fs/promises'
import { findAlike, type Alike } from './duplicate-faces.ts'
import { chooseSearch, TEXT_SIMILARITY, FEW_VECTORS } from './choose-search.ts'
import { usualOfAll } from '../search/cohort.ts'
import { readHashed } from '../storage/atomic-folder.ts'
import type { Encoding, SpaceManifest } from '../storage/manifest.ts'
import { allocatePlace, openTable } from '../search/vector-table.ts'
import { fork } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'

export interface SearchJob {
  /** The vectors' file. */
  readonly vectors: string
  readonly encoding: Encoding
  readonly count: number
  readonly dims: number
  /** The file of the entity row of each vector, of how many entities, and where what is usual for each goes, and whether look-alikes are wanted; null where vectors are not of faces. */
  readonly faces: { readonly rows: string, readonly entities: number, readonly usual: string, readonly findAlike: boolean } | null
  /** Where the graph goes, where search is HNSW; where the coarse copy and its axes go, where it is PCA. */
  readonly graph: string
  readonly coarse: string
  readonly axes: string
}

export interface Chosen extends Pick<SpaceManifest, 'search' | 'msPerQuery'> { readonly alike: readonly Alike[] }

export type SearchStage = 'graph' | 'usual' | 'alike'

export async function runSearchJob (job: SearchJob, onDone: (stage: SearchStage, done: number) => void): Promise<Chosen> {
  const place = allocatePlace(job.encoding, job.count, job.dims)
  await readHashed(job.vectors, place.bytes)
  const { search, msPerQuery, graph, coarse } = await chooseSearch(place, { onAdded: done => { onDone('graph', done) }, ...(job.faces === null && { querySimilarity: TEXT_SIMILARITY }) })
  if (search.kind === 'hnsw') await graph!.write(job.graph)
  if (search.kind === 'pca') {
    await writeFile(job.coarse, coarse!.place.bytes)
    await writeFile(job.axes, new Uint8Array(coarse!.axes.buffer))
  }
  if (job.faces === null) return { search, msPerQuery, alike: [] }
  const entityRows = new Uint32Array(job.count)
  await readHashed(job.faces.rows, new Uint8Array(entityRows.buffer))
  const table = openTable(place)
  const usual = await usualOfAll({ table, entityRows }, job.faces.entities, done => { onDone('usual', done) })
  if (usual !== null) await writeFile(job.faces.usual, new Uint8Array(usual.buffer))
  return { search, msPerQuery, alike: job.faces.findAlike ? await findAlike(table, entityRows, { graph, coarse }, done => { onDone('alike', done) }) : [] }
}

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
