// Chooses how a file of vectors is searched and writes the graph or the PCA codes of that search; for faces, also writes the
// cohort means and finds duplicates.
import { writeFile } from 'node:fs/promises'
import { findDuplicateFaces, type DuplicatePair } from './duplicate-faces.ts'
import { chooseSearch, FEW_VECTORS, type SearchKind } from './choose-search.ts'
import type { BuildStage } from './progress.ts'
import { cohortMeans } from '../search/cohort.ts'
import { readHashed } from '../storage/atomic-folder.ts'
import { forkProgram } from '../../program.ts'
import type { FileManifest, SpaceManifest } from '../storage/manifest.ts'
import type { TableShape } from '../search/dot-kernel.ts'
import { allocateTable, openTable } from '../search/vector-table.ts'

/** What to tune, with paths of the files to read and to write. */
export interface TuneJob extends TableShape {
  readonly vectors: string
  /** Written where the search is HNSW. */
  readonly graph: string
  /** Written where the search is PCA. */
  readonly pcaCodes: string
  /** Written where the search is either. */
  readonly pcaComponents: string
  readonly search: SearchKind
  /** Null for vectors of texts. */
  readonly faces: FaceTuneJob | null
}

export interface FaceTuneJob {
  /** The file of the entity row of each vector. */
  readonly rows: string
  readonly entities: number
  /** Written where there are enough faces. */
  readonly cohortMeans: string
  readonly findDuplicates: boolean
}

export interface Tuned extends Pick<SpaceManifest, 'search'> {
  /** Hash of the vectors' file, which is read here anyway. */
  readonly vectors: FileManifest
  /** Why the search is another than was asked for. */
  readonly note?: string
  /** Empty unless they were asked for. */
  readonly duplicates: readonly DuplicatePair[]
}

type OnDone = (stage: BuildStage, done: number) => void

export async function tune (job: TuneJob, onDone: OnDone): Promise<Tuned> {
  const { encoding, count, dims, faces } = job
  const memory = allocateTable(encoding, count, dims)
  const vectors = { sha256: await readHashed(job.vectors, memory.bytes), bytes: memory.bytes.length }
  const { search, graph, pca, note } = await chooseSearch(memory, {
    kind: job.search,
    texts: faces === null,
    onAdded: done => { onDone('graph', done) }
  })
  if (graph !== null) await graph.graph.write(job.graph)
  if (pca !== null) await writeFile(job.pcaCodes, pca.codes.bytes)
  const components = graph?.components ?? pca?.components
  if (components !== undefined) {
    await writeFile(job.pcaComponents, new Uint8Array(components.buffer, components.byteOffset, components.byteLength))
  }
  const tuned = { search, vectors, ...(note !== undefined && { note }) }
  if (faces === null) return { ...tuned, duplicates: [] }
  const entityRows = new Uint32Array(count)
  await readHashed(faces.rows, new Uint8Array(entityRows.buffer))
  const table = openTable(memory)
  const means = await cohortMeans({ table, entityRows }, faces.entities, done => { onDone('cohort', done) })
  if (means !== null) await writeFile(faces.cohortMeans, new Uint8Array(means.buffer))
  const duplicates = faces.findDuplicates
    ? await findDuplicateFaces(table, entityRows, { graph, pca }, done => { onDone('duplicates', done) })
    : []
  return { ...tuned, duplicates }
}

export type TuneMessage = { readonly stage: BuildStage, readonly done: number } | { readonly tuned: Tuned }

/** As `tune`, in a child process where there are many vectors: it blocks for long. */
export async function tuneInProcess (job: TuneJob, onDone: OnDone): Promise<Tuned> {
  if (job.count < FEW_VECTORS) return await tune(job, onDone)
  const child = forkProgram('./tune-process', import.meta.url, [JSON.stringify(job)])
  return await new Promise((resolve, reject) => {
    let tuned: Tuned | undefined
    child.on('message', (message: TuneMessage) => {
      if ('tuned' in message) tuned = message.tuned
      else onDone(message.stage, message.done)
    })
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      if (code === 0 && tuned !== undefined) {
        resolve(tuned)
        return
      }
      const advice = 'look above for its error, and for free memory and disk space'
      reject(new Error(`Expected a graph, but the process that builds it ended with ${signal ?? code ?? 'nothing'}; ${advice}`))
    })
  })
}
