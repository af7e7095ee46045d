// The first steps of `vel eval` and `vel calibrate`: read query files and encode their photos; what is left out is reported.
import { join } from 'node:path'
import { errors } from '../errors.ts'
import { encodeQueries, type EncodedQueries } from '../eval/data/encode-queries.ts'
import { createPhotoCache } from '../eval/data/photo-cache.ts'
import { readQueries, type Query } from '../eval/data/queries.ts'
import type { ReportInput } from '../eval/report/report.ts'
import { withSearchCache } from '../eval/data/search-cache.ts'
import type { KnowledgeBase } from '../kb/types.ts'
import type { OpenedEncoder } from '../startup.ts'
import { startProgress } from './progress.ts'

export interface GivenQueries {
  readonly queries: readonly Query[]
  readonly counts: Pick<ReportInput['counts'], 'files' | 'duplicates' | 'broken'>
}

interface ReadFlags { readonly images?: string | undefined, readonly skipBroken: boolean }

/** Reads all files; lists on standard error what was left out. */
export async function readQueryFiles (files: readonly string[], flags: ReadFlags): Promise<GivenQueries> {
  const read = await Promise.all(
    [...new Set(files)].map(async file => ({
      file,
      ...await readQueries(file, { skipBroken: flags.skipBroken, imagesDir: flags.images })
    }))
  )
  for (const { file, problems, duplicates } of read) {
    listLeftOut(`${file}: broken, left out`, problems)
    listLeftOut(`${file}: repeated, left out`, duplicates)
  }
  const sum = (count: (r: typeof read[number]) => number): number => read.reduce((total, r) => total + count(r), 0)
  return {
    queries: read.flatMap(r => r.queries),
    counts: { files: read.map(r => r.file), duplicates: sum(r => r.duplicates.length), broken: sum(r => r.problems.length) }
  }
}

/** Encodes with a progress bar; lists on standard error what could not be used. @throws VEL_ERR_INPUT where all photos are missing. */
export async function encodeGiven (
  queries: readonly Query[],
  { encoder, encodingHash: recipe, workers }: OpenedEncoder,
  cacheDir: string | false,
  context: boolean
): Promise<EncodedQueries> {
  const progress = startProgress('encode', queries.length, 'queries')
  const encoded = await encodeQueries(queries, encoder, {
    cache: cacheDir === false ? null : createPhotoCache(cacheDir, recipe),
    context,
    concurrency: 2 * workers,
    onProgress: progress.update
  }).finally(progress.stop)
  listLeftOut('photos that are not there, left out', encoded.missing)
  listLeftOut('photos without a face, counted as missed', encoded.noFace)
  listLeftOut('photos that cannot be decoded, counted as missed', encoded.unreadable)
  listLeftOut('photos with boxes that reach over the edge, cut off there', encoded.cut)
  listLeftOut('photos equal to another of the queries, left out', encoded.samePhoto)
  if (encoded.answers.length === 0) {
    throw errors.input('photos at the places that the query files name', 'none there; say where they are with --images')
  }
  return encoded
}

/** Runs `work` with cached searches, and saves the new results. */
export async function searchingCached<T> (
  kb: KnowledgeBase,
  recipe: string,
  cacheDir: string | false,
  work: (kb: KnowledgeBase) => Promise<T>
): Promise<T> {
  if (cacheDir === false) return await work(kb)
  const cached = await withSearchCache(kb, join(cacheDir, recipe.slice(0, 16), `searches-${kb.info.version}.json`))
  const result = await work(cached)
  await cached.save()
  return result
}

/** Lists at most ten items on standard error. */
function listLeftOut (what: string, items: readonly string[]): void {
  if (items.length === 0) return
  process.stderr.write(
    `${items.length} ${what}: ${items.slice(0, 10).join(', ')}${items.length > 10 ? `, and ${items.length - 10} more` : ''}\n`
  )
}
