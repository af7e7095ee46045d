// Reads a file of vectors, chooses how it is searched, and writes the graph where there is to be one.
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
  /** Where the graph goes, where search is HNSW. */
  readonly graph: string
}

export type Chosen = Pick<SpaceManifest, 'search' | 'msPerQuery'>

/** @param onAdded vectors in the graph so far. */
export async function runSearchJob (job: SearchJob, onAdded: (done: number) => void): Promise<Chosen> {
  const { bytes, table } = allocateTable(job.encoding, job.count, job.dims)
  await readHashed(job.vectors, bytes)
  const { search, msPerQuery, graph } = await chooseSearch(table, onAdded)
  if (graph !== null) await graph.write(job.graph)
  return { search, msPerQuery }
}
