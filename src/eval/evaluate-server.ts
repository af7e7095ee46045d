// Evaluates a running service over HTTP: its candidates, its decisions, its probabilities.
import { readFile } from 'node:fs/promises'
import pMap from 'p-map'
import { Agent, request, RetryAgent, type Dispatcher } from 'undici'
import { z } from 'zod'
import type { Box } from '../types.ts'
import { errors } from '../errors.ts'
import { DEPTH } from './metrics/recall.ts'
import { mentionsOf } from './data/encode-queries.ts'
import type { Query } from './data/queries.ts'
import { buildReport, type Answer, type Report, type ReportInput } from './report/report.ts'

/** The fields of a reply that are used; the contract has more. */
const reply = z.object({
  image: z.object({ width: z.number(), height: z.number() }),
  mentions: z.array(z.object({
    box: z.object({ x: z.number(), y: z.number(), width: z.number(), height: z.number() })
      .transform(({ x, y, width, height }): Box => ({ x1: x, y1: y, x2: x + width, y2: y + height })),
    status: z.enum(['linked', 'ambiguous', 'nil']),
    probability: z.number().optional(),
    candidates: z.array(z.object({ id: z.string(), score: z.number() }))
  })),
  index: z.object({ name: z.string(), version: z.string(), entities: z.number() }),
  models: z.array(z.object({ role: z.string(), name: z.string() }))
})
type Reply = z.infer<typeof reply>

export interface ServerOptions {
  readonly url: string
  readonly apiKey?: string | undefined
  /** Requests in flight. */
  readonly concurrency: number
  readonly onProgress?: (done: number) => void
}

interface ServerSystem { readonly name: string, readonly query: Readonly<Record<string, string>> }

const SYSTEMS: readonly ServerSystem[] = [
  { name: 'V2V', query: { mode: 'v2v' } },
  { name: 'V2T', query: { mode: 'v2t' } },
  { name: 'V2VT face→text', query: { mode: 'v2vt', order: 'face-text' } },
  { name: 'V2VT text→face', query: { mode: 'v2vt', order: 'text-face' } },
  { name: 'V2VT fusion', query: { mode: 'v2vt', order: 'fusion' } }
]

/** Systems that the service cannot serve are left out. @throws VEL_ERR_INPUT where it serves none, or fails. */
export async function evaluateServer (
  queries: readonly Query[],
  counts: Pick<ReportInput['counts'], 'files' | 'duplicates' | 'broken'>,
  options: ServerOptions
): Promise<Report> {
  const client = createClient(options)
  try {
    const known = await client.known(queries)
    const rows: ReportInput['rows'][number][] = []
    let about: Reply | undefined
    let leftOut: Pick<ReportInput['counts'], 'noFace' | 'unreadable' | 'missingPhotos'> = { noFace: 0, unreadable: 0, missingPhotos: 0 }
    for (const system of SYSTEMS) {
      let served = true
      const asked = await pMap(
        queries,
        async (query, i) => {
          const result = served ? await client.link(query, system) : 'mode unavailable'
          if (result === 'mode unavailable') served = false
          options.onProgress?.(i + 1)
          return { query, result }
        },
        { concurrency: options.concurrency }
      )
      if (!served) continue
      about ??= asked.map(a => a.result).find(r => typeof r === 'object')
      const there = asked.filter(a => a.result !== 'missing')
      const answers = there.flatMap(({ query, result }) => answersOf(query, typeof result === 'object' ? result : null, known))
      leftOut = {
        missingPhotos: asked.length - there.length,
        unreadable: there.filter(a => a.result === 'unreadable').length,
        noFace: there.filter(a => typeof a.result === 'object' && a.result.mentions.length === 0).length
      }
      rows.push({ name: system.name, answers })
    }
    if (about === undefined) throw errors.input(`a service at ${options.url} that links these photos`, 'not one reply with a result')
    return buildReport({
      index: about.index,
      models: about.models.map(m => `${m.role} ${m.name}`).join(', '),
      counts: { ...counts, ...leftOut },
      rows
    })
  } finally {
    await client.close()
  }
}

/** One answer for the face of the query's box, which was sent along; without a box as `mentionsOf` selects. */
function answersOf (query: Query, result: Reply | null, known: ReadonlySet<string>): Answer[] {
  const inIndex = query.entityId !== null && known.has(query.entityId)
  if (result === null || result.mentions.length === 0) return [{ query, inIndex, ranking: [] }]
  const { image, mentions: all } = result
  const mentions = query.box !== null ? all.slice(0, 1) : mentionsOf(query, { ...image, mentions: all })
  return mentions.map(({ box, candidates, status, probability }) =>
    ({ query, inIndex, faceSizePx: Math.min(box.x2 - box.x1, box.y2 - box.y1), ranking: candidates, decision: { status, probability } }))
}

type LinkResult = Reply | 'missing' | 'unreadable' | 'mode unavailable'

interface Client {
  /** Those of the queries' entities that the service knows. */
  known: (queries: readonly Query[]) => Promise<Set<string>>
  link: (query: Query, system: ServerSystem) => Promise<LinkResult>
  close: () => Promise<void>
}

/** Retries a busy service (429, 503) after its Retry-After. */
function createClient ({ url, apiKey, concurrency }: ServerOptions): Client {
  const agent = new Agent({ connections: concurrency })
  const dispatcher = new RetryAgent(agent, {
    methods: ['GET', 'POST'],
    statusCodes: [429, 503],
    errorCodes: ['ECONNRESET', 'UND_ERR_SOCKET'],
    maxRetries: 8,
    maxTimeout: 10_000
  })
  const headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }
  const ask = async (path: string, options: Partial<Dispatcher.RequestOptions>): Promise<{ status: number, body: unknown }> => {
    try {
      const { statusCode, body } = await request(new URL(path, url), {
        dispatcher,
        ...options,
        headers: { ...headers, ...(options.headers as Record<string, string>) }
      })
      return { status: statusCode, body: await body.json() }
    } catch (error) {
      throw errors.input(`a service that answers at ${url}`, (error as Error).message)
    }
  }
  return {
    async known (queries) {
      const ids = [...new Set(queries.flatMap(q => q.entityId ?? []))]
      const states = await pMap(ids, async id => ({ id, status: (await ask(`/entities/${id}`, {})).status }), { concurrency })
      return new Set(states.filter(s => s.status === 200).map(s => s.id))
    },
    async link (query, system) {
      const bytes = await readFile(query.path).catch(() => null)
      if (bytes === null) return 'missing'
      const boxes = query.box === null ? {} : { boxes: JSON.stringify([[query.box.x1, query.box.y1, query.box.x2, query.box.y2]]) }
      const { status, body } = await ask(`/link?${new URLSearchParams({ ...system.query, topK: String(DEPTH), ...boxes }).toString()}`, {
        method: 'POST',
        ...bodyOf(bytes, query)
      })
      if (status === 200) return checked(body, url)
      if ((body as { code?: unknown }).code === 'VEL_ERR_MODE_UNAVAILABLE') return 'mode unavailable'
      if ([400, 413, 415, 422].includes(status)) return 'unreadable'
      throw errors.input(`a result from ${url}`, `status ${status}: ${JSON.stringify(body).slice(0, 300)}`)
    },
    close: async () => { await agent.close() }
  }
}

/** A caption may be longer than a query string. */
function bodyOf (image: Buffer, { caption, takenAt }: Query): { body: Buffer | string, headers: Record<string, string> } {
  if (caption === undefined && takenAt === undefined) return { body: image, headers: { 'content-type': 'image/jpeg' } }
  const body = JSON.stringify({ image: image.toString('base64'), caption, takenAt })
  return { body, headers: { 'content-type': 'application/json' } }
}

function checked (body: unknown, url: string): Reply {
  const parsed = reply.safeParse(body)
  if (!parsed.success) throw errors.input(`a reply of the contract from ${url}`, z.prettifyError(parsed.error))
  return parsed.data
}
