// Queries to mentions with embeddings: encodes each photo once, through the cache, and selects the queried face.
import { readFile } from 'node:fs/promises'
import pMap from 'p-map'
import sharp from 'sharp'
import type { Box, EncodedImage, EncodedMention, MentionEncoder } from '../../types.ts'
import { isVelError } from '../../errors.ts'
import { sha256 } from '../../files.ts'
import type { Encoded, PhotoCache, PhotoKey } from './photo-cache.ts'
import type { Query } from './queries.ts'

export interface EncodedQuery {
  readonly query: Query
  /** Null where no face was found or the photo cannot be decoded. */
  readonly mention: EncodedMention | null
}

/** The photo of a query, as a key: all mentions of a stranger's photo have it in common. */
export const photoOf = ({ query }: Pick<EncodedQuery, 'query'>): string => `${query.file} ${query.image}`

export interface EncodedQueries {
  /**
   * One answer a query; for a photo of a stranger without a box one a mention, since a link of any face in it is false.
   */
  readonly answers: readonly EncodedQuery[]
  /** Missing photos; their queries are not in `answers`. */
  readonly missing: readonly string[]
  /** Photos in which no face was found. */
  readonly noFace: readonly string[]
  /** Photos that cannot be decoded or whose box lies outside, with the reason. */
  readonly unreadable: readonly string[]
  /** Photos equal to an earlier one in bytes and box; their queries are not in `answers`. */
  readonly samePhoto: readonly string[]
  /** Photos with boxes that were clipped to the picture. */
  readonly cut: readonly string[]
  /** Detections in all photos that were no face. */
  readonly rejected: number
}

export interface EncodeQueriesOptions {
  readonly cache: PhotoCache | null
  /** Also embed the context crop. */
  readonly context: boolean
  /** Photos encoded at once. */
  readonly concurrency: number
  readonly onProgress?: (done: number) => void
}

interface PhotoMentions<M> { readonly width: number, readonly height: number, readonly mentions: readonly M[] }

/** Queries of one photo that are encoded together: all with boxes, or one without. */
interface Job { readonly path: string, readonly queries: readonly Query[], readonly boxed: boolean }

export async function encodeQueries (
  queries: readonly Query[],
  encoder: MentionEncoder,
  options: EncodeQueriesOptions
): Promise<EncodedQueries> {
  const jobs = jobsOf(queries)
  let done = 0
  const results = await pMap(
    jobs,
    async job => {
      const result = await encodeJob(job, encoder, options)
      done += job.queries.length
      options.onProgress?.(done)
      return { job, ...result }
    },
    { concurrency: options.concurrency }
  )

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
      const mentions = image === null ? [] : job.boxed ? image.mentions.slice(i, i + 1) : mentionsOf(query, image)
      if (image !== null && mentions.length === 0) noFace.push(query.image)
      for (const mention of mentions.length === 0 ? [null] : mentions) answers.push({ query, mention })
    })
  }
  return {
    answers,
    samePhoto,
    noFace,
    missing: results.flatMap(({ job, content }) => content === null ? [job.queries[0]!.image] : []),
    unreadable: results.flatMap(({ job, refused }) => refused === undefined ? [] : [`${job.queries[0]!.image}: ${refused}`]),
    cut: results.flatMap(({ job, cut }) => cut ? [job.queries[0]!.image] : []),
    rejected: results.reduce((sum, { image }) => sum + (image?.facesRejected ?? 0), 0)
  }
}

/** The faces that a query without a box asks for: all of a stranger's photo, else the one nearest the centre. */
export function mentionsOf<M extends { readonly box: Box }> (query: Query, image: PhotoMentions<M>): readonly M[] {
  if (query.entityId === null) return image.mentions
  const nearest = nearestCentre(image)
  return nearest === null ? [] : [nearest]
}

/** The mention whose box centre is nearest to the photo's centre; of equals the first, which is the larger. */
export function nearestCentre<M extends { readonly box: Box }> ({ width, height, mentions }: PhotoMentions<M>): M | null {
  const distance = ({ box }: M): number => Math.hypot((box.x1 + box.x2 - width) / 2, (box.y1 + box.y2 - height) / 2)
  return mentions.reduce<M | null>((best, mention) => best === null || distance(mention) < distance(best) ? mention : best, null)
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

interface Done { readonly content: string | null, readonly image: EncodedImage | null, readonly refused?: string, readonly cut: boolean }

/** `content` is null for a missing photo, `image` for one that cannot be encoded. */
async function encodeJob (job: Job, encoder: MentionEncoder, { cache, context }: EncodeQueriesOptions): Promise<Done> {
  const bytes = await readPhoto(job.path)
  if (bytes === null) return { content: null, image: null, cut: false }
  const content = sha256(bytes)
  const boxes = job.boxed ? await clipToPhoto(job.queries.map(q => q.box!), bytes) : undefined
  const cut = boxes !== undefined && boxes.some((box, i) => !sameBox(box, job.queries[i]!.box!))
  const key = { sha256: content, options: { ...(boxes !== undefined && { boxes }), ...(context && { context }) } }
  const encoded = await encodeThroughCache(bytes, key, encoder, cache)
  return 'refused' in encoded ? { content, image: null, refused: encoded.refused, cut } : { content, image: encoded, cut }
}

/** Errors that the photo did not cause are thrown. */
export async function encodeThroughCache (
  bytes: Uint8Array,
  key: PhotoKey,
  encoder: MentionEncoder,
  cache: PhotoCache | null
): Promise<Encoded> {
  const known = await cache?.get(key)
  if (known !== undefined) return known
  const encoded = await encoder.encode(bytes, key.options).catch((error: unknown): Encoded => {
    if (!isVelError(error) || error.statusCode >= 500) throw error
    return { refused: error.message }
  })
  await cache?.put(key, encoded)
  return encoded
}

/** Clips boxes to the photo: those of data sets often reach over the edge, which a service refuses. */
async function clipToPhoto (boxes: readonly Box[], bytes: Uint8Array): Promise<readonly Box[]> {
  const size = await sharp(bytes).metadata().then(({ autoOrient }) => autoOrient, () => null)
  // The encoder refuses an unreadable photo with a reason.
  if (size === null) return boxes
  const within = (v: number, most: number): number => Math.min(most, Math.max(0, v))
  return boxes.map(({ x1, y1, x2, y2 }) => {
    const inside = { x1: within(x1, size.width), y1: within(y1, size.height), x2: within(x2, size.width), y2: within(y2, size.height) }
    return inside.x2 > inside.x1 && inside.y2 > inside.y1 ? inside : { x1, y1, x2, y2 }
  })
}

const sameBox = (a: Box, b: Box): boolean => a.x1 === b.x1 && a.y1 === b.y1 && a.x2 === b.x2 && a.y2 === b.y2

async function readPhoto (path: string): Promise<Uint8Array | null> {
  try {
    return await readFile(path)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return null
    throw error
  }
}
