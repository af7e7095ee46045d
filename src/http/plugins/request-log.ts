// One log line a request, whatever became of it. Never in it: image bytes, embeddings, names of persons, keys, URLs.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { LinkStatus, NilReason, Timings, Turn } from '../../types.ts'
import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** What a request's line tells beside method, route, status and time. Routes and hooks fill it in. */
export interface Facts {
  /** Name of the API key. */
  key?: string
  /** Of the error, where there was one. */
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
}

declare module 'fastify' {
  interface FastifyRequest { facts: Facts }
}

export interface Finished { readonly method: string, readonly route: string, readonly status: number, readonly ms: number, readonly facts: Facts }

/** Probes and scrapes come every few seconds; their lines are for debugging. */
const QUIET = ['/health/live', '/health/ready', '/metrics']

/** Client closed the request: the status that nginx made usual for logs. */
const GONE = 499

/** @param onFinished also told of every request; metrics count there. */
export function registerRequestLog (app: FastifyInstance, onFinished: (finished: Finished) => void): void {
  app.decorateRequest('facts')
  app.addHook('onRequest', async (request, reply) => {
    request.facts = {}
    reply.header('x-request-id', request.id).header('x-content-type-options', 'nosniff').header('referrer-policy', 'no-referrer')
    const start = performance.now()
    // 'close' comes after every reply, and also where the client hung up; Fastify's onResponse only after whole ones.
    reply.raw.once('close', () => {
      const finished = describe(request, reply, performance.now() - start)
      write(request, finished)
      onFinished(finished)
    })
  })
}

function describe (request: FastifyRequest, reply: FastifyReply, ms: number): Finished {
  const status = reply.raw.writableEnded ? reply.raw.statusCode : GONE
  return { method: request.method, route: request.is404 ? '(none)' : request.routeOptions.url ?? '(none)', status, ms, facts: request.facts }
}

function write (request: FastifyRequest, { method, route, status, ms, facts }: Finished): void {
  const { statuses, ...rest } = facts
  const line = { method, route, status, ms: round(ms), ...rest, ...statuses, ...(facts.stages === undefined ? {} : { stages: roundAll(facts.stages) }) }
  if (QUIET.includes(route) && status < 500) request.log.debug(line, 'request')
  else request.log.info(line, status === GONE ? 'client hung up' : 'request')
}

const round = (ms: number): number => Math.round(ms * 100) / 100

/** Milliseconds to two digits. */
export function roundAll (timings: Timings): Timings {
  return Object.fromEntries(Object.entries(timings).map(([stage, ms]) => [stage, round(ms)]))
}

/** The caller's `X-Request-Id` where it is fit for a log and a header, else a new UUID. */
export function requestId (raw: Pick<IncomingMessage, 'headers'>): string {
  const given = raw.headers['x-request-id']
  return typeof given === 'string' && /^[\w.:-]{1,64}$/.test(given) ? given : randomUUID()
}
