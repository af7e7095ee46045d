// Queries to mentions with embeddings: reads each photo once, through the cache, and picks the face that is asked for.
import { readFile } from 'node:fs/promises'
import pMap from 'p-map'
import type { EncodedImage, EncodedMention, EncodeOptions, MentionEncoder } from '../types.ts'
import { isVelError } from '../errors.ts'
import { dot } from '../math/vector.ts'
import { sha256, type PhotoCache } from './photo-cache.ts'
import type { Query } from './queries.ts'

export interface EncodedQuery {
  readonly query: Query
  /** Null where no face was found, or the photo cannot be read. */
  readonly mention: EncodedMention | null
}

export interface EncodedQueries {
  readonly answers: readonly EncodedQuery[]
  /** Photos that are not there; their queries are not in `answers`. */
  readonly missing: readonly string[]
  /** Photos in which no face was found. */
  readonly noFace: readonly string[]
  /** Photos that cannot be decoded, with the reason. */
  readonly unreadable: readonly string[]
  /** Photos with the same bytes and face as an earlier one under another name; their queries are not in `answers`. */
  readonly samePhoto: readonly string[]
  /** The cache held embeddings that the models no longer give, and was emptied. */
  readonly cacheWasStale: boolean
}

export interface EncodeQueriesOptions {
  readonly cache: PhotoCache | null
  /** Also embed the context crop. */
  readonly context: boolean
  /** Photos at once. */
  readonly concurrency: number
  readonly onProgress?: (done: number) => void
}

/** A cached embedding with a smaller cosine to a fresh one was made by another path. */
const SAME_EMBEDDING = 0.999

/** Queries of one photo that are encoded together: those with boxes, or the one without. */
interface Job { readonly path: string, readonly queries: readonly Query[], readonly boxed: boolean }

export async function encodeQueries (queries: readonly Query[], encoder: MentionEncoder, options: EncodeQueriesOptions): Promise<EncodedQueries> {
  const jobs = jobsOf(queries)
  const cacheWasStale = options.cache !== null && await dropStaleCache(jobs, encoder, options.cache, options.context)
  let done = 0
  const results = await pMap(jobs, async job => {
    const result = await encodeJob(job, encoder, options)
    done += job.queries.length
    options.onProgress?.(done)
    return { job, ...result }
  }, { concurrency: options.concurrency })

  const answers: EncodedQuery[] = []
  const samePhoto: string[] = []
  const noFace: string[] = []
  const seen = new Set<string>()
  for (const { job, content, image } of results) {
    if (content === null) continue
    job.queries.forEach((query, i) => {
      const key = JSON.stringify([content, query.box])
      if (seen.has(key)) {
        samePhoto.push(query.image)
        return
      }
      seen.add(key)
      const mention = image === null ? null : job.boxed ? image.mentions[i] ?? null : nearestCentre(image)
      if (image !== null && mention === null) noFace.push(query.image)
      answers.push({ query, mention })
    })
  }
  return {
    answers,
    samePhoto,
    noFace,
    missing: results.flatMap(({ job, content }) => content === null ? [job.queries[0]!.image] : []),
    unreadable: results.flatMap(({ reason }) => reason ?? []),
    cacheWasStale
  }
}

/** The face whose box has its middle nearest the middle of the photo; of equals the larger. */
export function nearestCentre (image: EncodedImage): EncodedMention | null {
  const distance = ({ box }: EncodedMention): number => Math.hypot((box.x1 + box.x2 - image.width) / 2, (box.y1 + box.y2 - image.height) / 2)
  return image.mentions.reduce<EncodedMention | null>((best, m) => best === null || distance(m) < distance(best) ? m : best, null)
}

function jobsOf (queries: readonly Query[]): Job[] {
  const boxed = new Map<string, Query[]>()
  const jobs: Job[] = []
  for (const query of queries) {
    if (query.box === null) {
      jobs.push({ path: query.path, queries: [query], boxed: false })
      continue
    }
    const together = boxed.get(query.path)
    if (together !== undefined) {
      together.push(query)
      continue
    }
    const mentions = [query]
    boxed.set(query.path, mentions)
    jobs.push({ path: query.path, queries: mentions, boxed: true })
  }
  return jobs
}

function optionsOf (job: Job, context: boolean): EncodeOptions {
  return { ...(job.boxed && { boxes: job.queries.map(q => q.box!) }), ...(context && { context }) }
}

/** `content` is null for a photo that is not there, `image` for one that cannot be read. */
async function encodeJob (job: Job, encoder: MentionEncoder, { cache, context }: EncodeQueriesOptions): Promise<{ content: string | null, image: EncodedImage | null, reason?: string }> {
  const bytes = await readPhoto(job.path)
  if (bytes === null) return { content: null, image: null }
  const content = sha256(bytes)
  const options = optionsOf(job, context)
  const cached = await cache?.get({ sha256: content, options })
  if (cached !== undefined) return { content, image: cached }
  try {
    const image = await encoder.encode(bytes, options)
    await cache?.put({ sha256: content, options }, image)
    return { content, image }
  } catch (error) {
    if (!isVelError(error) || error.statusCode >= 500) throw error
    return { content, image: null, reason: `${job.queries[0]!.image}: ${error.message}` }
  }
}

async function readPhoto (path: string): Promise<Uint8Array | null> {
  try {
    return await readFile(path)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return null
    throw error
  }
}

/** Encodes the first cached photo anew: the recipe names the weights, but not the code that prepares their input. */
async function dropStaleCache (jobs: readonly Job[], encoder: MentionEncoder, cache: PhotoCache, context: boolean): Promise<boolean> {
  for (const job of jobs) {
    const bytes = await readPhoto(job.path)
    if (bytes === null) continue
    const options = optionsOf(job, context)
    const cached = await cache.get({ sha256: sha256(bytes), options })
    if (cached === undefined) return false
    if (cached.mentions.length === 0) continue
    const fresh = await encoder.encode(bytes, options)
    const same = fresh.mentions.length === cached.mentions.length && fresh.mentions.every((m, i) => dot(m.face, cached.mentions[i]!.face) >= SAME_EMBEDDING)
    if (!same) await cache.clear()
    return !same
  }
  return false
}
