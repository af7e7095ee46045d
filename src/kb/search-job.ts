// Reads a file of vectors, chooses how it is searched, writes the graph where there is to be one, and finds look-alikes.
import { findAlike, type Alike } from './alike.ts'
import { chooseSearch } from './choose-search.ts'
import { readHashed } from './folder.ts'
import type { Encoding, SpaceManifest } from './format.ts'
import { allocateTable } from './vectors.ts'

export interface SearchJob {
  /** The vectors' file. */
  readonly vectors: string
  readonly encoding: Encoding
  readonly count: number
  readonly dims: number
  /** The file of the entity row of each vector, where entities that look alike are to be found. */
  readonly rows: string | null
  /** Where the graph goes, where search is HNSW. */
  readonly graph: string
}

export interface Chosen extends Pick<SpaceManifest, 'search' | 'msPerQuery'> { readonly alike: readonly Alike[] }

export type SearchStage = 'graph' | 'alike'

export async function runSearchJob (job: SearchJob, onDone: (stage: SearchStage, done: number) => void): Promise<Chosen> {
  const { bytes, table } = allocateTable(job.encoding, job.count, job.dims)
  await readHashed(job.vectors, bytes)
  const { search, msPerQuery, graph, tried } = await chooseSearch(table, done => { onDone('graph', done) })
  if (graph !== null) await graph.write(job.graph)
  if (job.rows === null) return { search, msPerQuery, alike: [] }
  const entityRows = new Uint32Array(job.count)
  await readHashed(job.rows, new Uint8Array(entityRows.buffer))
  return { search, msPerQuery, alike: await findAlike(table, entityRows, tried, done => { onDone('alike', done) }) }
}
