// One log line a request, whatever its outcome. It never holds image bytes, embeddings, names of persons, captions,
// keys or URLs.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { LinkStatus, NilReason, Timings, Turn } from '../../types.ts'
import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** Fields of the log line beside method, route, status and time. Routes and hooks fill them in. */
export interface Facts {
  /** Name of the API key. */
  key?: string
  /** Code of the error, if any. */
  code?: string
  imageWidth?: number
  imageHeight?: number
  imageBytes?: number
  mentions?: number
  /** Detections that are no face. */
  facesRejected?: number
  turnedBy?: Turn
  statuses?: { readonly [S in LinkStatus]: number }
  /** Mentions that are nil, by reason. */
  nilReasons?: { readonly [R in NilReason]?: number }
  stages?: Timings
  /** Whether the decision used more than the photo. */
  hinted?: boolean
  /** Of the caption, UTF-16 units; how many names of the index it has. */
  captionLength?: number
  captionNames?: number
}

declare module 'fastify' {
  interface FastifyRequest { facts: Facts }
}

export interface Finished {
  readonly method: string
  /** Pattern of the route, `(none)` if no route matched. */
  readonly route: string
  readonly status: number
  readonly ms: number
  readonly facts: Facts
}

/** Probes and scrapes arrive every few seconds and are logged at level debug. */
const QUIET = ['/health/live', '/health/ready', '/metrics']

/** Client closed the request: nginx's status for logs. */
const GONE = 499

/** @param onFinished called once for every request, after its log line */
export function registerRequestLog (app: FastifyInstance, onFinished: (finished: Finished) => void): void {
  app.decorateRequest('facts')
  app.addHook('onRequest', async (request, reply) => {
    request.facts = {}
    reply.header('x-request-id', request.id).header('x-content-type-options', 'nosniff').header('referrer-policy', 'no-referrer')
    const start = performance.now()
    // 'close' follows every reply, also one whose client hung up; Fastify's onResponse follows complete replies only.
    reply.raw.once('close', () => {
      const finished = describe(request, reply, performance.now() - start)
      write(request, finished)
      onFinished(finished)
    })
  })
}

/** Of a reply whose connection has closed; 499 for a client that hung up before. */
export function statusOf ({ raw }: FastifyReply): number {
  return raw.writableEnded ? raw.statusCode : GONE
}

function describe (request: FastifyRequest, reply: FastifyReply, ms: number): Finished {
  const status = statusOf(reply)
  const route = request.is404 ? '(none)' : request.routeOptions.url ?? '(none)'
  return { method: request.method, route, status, ms, facts: request.facts }
}

function write (request: FastifyRequest, { method, route, status, ms, facts }: Finished): void {
  const { statuses, ...rest } = facts
  const stages = facts.stages === undefined ? {} : { stages: roundAll(facts.stages) }
  const line = { method, route, status, ms: round(ms), ...rest, ...statuses, ...stages }
  if (QUIET.includes(route) && status < 500) request.log.debug(line, 'request')
  else request.log.info(line, status === GONE ? 'client hung up' : 'request')
}

const round = (ms: number): number => Math.round(ms * 100) / 100

/** Milliseconds to two decimals. */
export function roundAll (timings: Timings): Timings {
  return Object.fromEntries(Object.entries(timings).map(([stage, ms]) => [stage, round(ms)]))
}

/** The client's `X-Request-Id` if it is 1 to 64 letters, digits or `. _ : -`, else a new UUID. */
export function requestId (raw: Pick<IncomingMessage, 'headers'>): string {
  const given = raw.headers['x-request-id']
  return typeof given === 'string' && /^[\w.:-]{1,64}$/.test(given) ? given : randomUUID()
}
