// Reads a file of vectors, chooses how it is searched, writes the graph or the coarse copy that takes; and of faces, how
// similar others usually are to each entity, and who looks alike.
import { writeFile } from 'node:fs/promises'
import { findDuplicateFaces, type DuplicatePair } from './duplicate-faces.ts'
import { chooseSearch, TEXT_SIMILARITY, FEW_VECTORS } from './choose-search.ts'
import { cohortMeans } from '../search/cohort.ts'
import { readHashed } from '../storage/atomic-folder.ts'
import { forkProgram } from '../../program.ts'
import type { Encoding, SpaceManifest } from '../storage/manifest.ts'
import { allocateTable, openTable } from '../search/vector-table.ts'

export interface TuneJob {
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

export interface Tuned extends Pick<SpaceManifest, 'search' | 'msPerQuery'> { readonly duplicates: readonly DuplicatePair[] }

export type TuneStage = 'graph' | 'cohort' | 'duplicates'

export async function tune (job: TuneJob, onDone: (stage: TuneStage, done: number) => void): Promise<Tuned> {
  const place = allocateTable(job.encoding, job.count, job.dims)
  await readHashed(job.vectors, place.bytes)
  const { search, msPerQuery, graph, coarse } = await chooseSearch(place, { onAdded: done => { onDone('graph', done) }, ...(job.faces === null && { querySimilarity: TEXT_SIMILARITY }) })
  if (search.kind === 'hnsw') await graph!.write(job.graph)
  if (search.kind === 'pca') {
    await writeFile(job.coarse, coarse!.codes.bytes)
    await writeFile(job.axes, new Uint8Array(coarse!.components.buffer))
  }
  if (job.faces === null) return { search, msPerQuery, duplicates: [] }
  const entityRows = new Uint32Array(job.count)
  await readHashed(job.faces.rows, new Uint8Array(entityRows.buffer))
  const table = openTable(place)
  const usual = await cohortMeans({ table, entityRows }, job.faces.entities, done => { onDone('cohort', done) })
  if (usual !== null) await writeFile(job.faces.usual, new Uint8Array(usual.buffer))
  return { search, msPerQuery, duplicates: job.faces.findAlike ? await findDuplicateFaces(table, entityRows, { graph, coarse }, done => { onDone('duplicates', done) }) : [] }
}

export type TuneMessage = { readonly stage: TuneStage, readonly done: number } | { readonly chosen: Tuned }

export async function tuneInProcess (job: TuneJob, onDone: (stage: TuneStage, done: number) => void): Promise<Tuned> {
  if (job.count < FEW_VECTORS) return await tune(job, onDone)
  const child = forkProgram('./tune-process', import.meta.url, [JSON.stringify(job)])
  return await new Promise((resolve, reject) => {
    let chosen: Tuned | undefined
    child.on('message', (message: TuneMessage) => {
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
