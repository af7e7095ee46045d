// What `vel eval` and `vel calibrate` begin with: query files read, photos encoded, and told what could not be used.
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

/** Reads all files, and says on standard error what was left out. */
export async function readQueryFiles (files: readonly string[], flags: ReadFlags): Promise<GivenQueries> {
  const read = await Promise.all(
    [...new Set(files)].map(async file => ({
      file,
      ...await readQueries(file, { skipBroken: flags.skipBroken, imagesDir: flags.images })
    }))
  )
  for (const { file, faults, duplicates } of read) {
    tell(`${file}: broken, left out`, faults)
    tell(`${file}: repeated, left out`, duplicates)
  }
  const sum = (count: (r: typeof read[number]) => number): number => read.reduce((total, r) => total + count(r), 0)
  return {
    queries: read.flatMap(r => r.queries),
    counts: { files: read.map(r => r.file), duplicates: sum(r => r.duplicates.length), broken: sum(r => r.faults.length) }
  }
}

/** Encodes with a progress bar, and says on standard error what could not be used. @throws VEL_ERR_INPUT where no photo is there. */
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
  tell('photos that are not there, left out', encoded.missing)
  tell('photos without a face, counted as missed', encoded.noFace)
  tell('photos that cannot be decoded, counted as missed', encoded.unreadable)
  tell('photos with boxes that reach over the edge, cut off there', encoded.cut)
  tell('photos equal to another of the queries, left out', encoded.samePhoto)
  if (encoded.answers.length === 0) {
    throw errors.input('photos at the places that the query files name', 'none there; say where they are with --images')
  }
  return encoded
}

/** Lets `work` search through the cache, and keeps what was found when it is done. */
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

/** At most ten of them. */
function tell (what: string, items: readonly string[]): void {
  if (items.length === 0) return
  process.stderr.write(
    `${items.length} ${what}: ${items.slice(0, 10).join(', ')}${items.length > 10 ? `, and ${items.length - 10} more` : ''}\n`
  )
}
