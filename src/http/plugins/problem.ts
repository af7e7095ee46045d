// Errors to RFC 9457 problem documents: every error reply is made here. The text of an internal error is logged, never sent.
import { maxHeaderSize, STATUS_CODES, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { errors, isVelError, type Retriable } from '../../errors.ts'
import { restForATurn } from '../upload/read-bytes.ts'
import { IMAGE_TYPES } from '../upload/upload.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Media types that the route's body may have, for its errors; by default those of an image. */
    mediaTypes?: string
  }
}

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8'

export interface Problem {
  /** A URN that names the kind of problem. */
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  /** A URN that names this occurrence. */
  readonly instance: string
  readonly code: string
  readonly requestId: string
}

type CodedError = Error & { code: string, statusCode: number } & Partial<Retriable>

/** VEL_ERR_NO_IMAGE: type `urn:vel:error:no-image`, title "No image". */
export function toProblem (error: CodedError, requestId: string): Problem {
  const words = error.code.replace('VEL_ERR_', '').toLowerCase().split('_')
  const title = words.join(' ')
  return {
    type: `urn:vel:error:${words.join('-')}`,
    title: title[0]!.toUpperCase() + title.slice(1),
    status: error.statusCode,
    detail: error.message,
    instance: `urn:vel:request:${requestId}`,
    code: error.code,
    requestId
  }
}

/** Any error as one of src/errors.ts: errors of the framework get our codes, unknown ones become VEL_ERR_INTERNAL. */
export function toCallerError (error: unknown, mediaTypes = IMAGE_TYPES): CodedError {
  return fromTable(error, mediaTypes) as CodedError
}

function fromTable (error: unknown, mediaTypes: string): Error {
  if (isVelError(error)) return error.statusCode === 500 ? errors.internal() : error
  const { code, statusCode, message } = error as Partial<CodedError>
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return errors.mediaType(mediaTypes, 'another Content-Type or none')
  if (statusCode === 404) return errors.notFound('a path of this service', 'another')
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) return errors.badRequest(message)
  return errors.internal()
}

/** Retry-After of a 503 without `retryAfterS`, such as a worker that is being replaced, s. */
const DEFAULT_RETRY_S = 1

const retryAfter = (error: CodedError): number | undefined => error.retryAfterS ?? (error.statusCode === 503 ? DEFAULT_RETRY_S : undefined)

export async function sendProblem (error: unknown, request: FastifyRequest, reply: FastifyReply, more: object = {}): Promise<void> {
  const problem = toCallerError(error, request.routeOptions.config.mediaTypes)
  // The request's log line covers expected errors; an internal one needs its stack.
  if (problem.statusCode === 500) request.log.error({ err: error }, problem.code)
  request.facts.code = problem.code
  const seconds = retryAfter(problem)
  if (seconds !== undefined) reply.header('retry-after', String(seconds))
  if (problem.statusCode === 401) reply.header('www-authenticate', 'Bearer')
  if (problem.statusCode === 408) reply.header('connection', 'close')
  discardRest(request.raw)
  await reply.code(problem.statusCode).type(PROBLEM_TYPE).send({ ...toProblem(problem, request.id), ...more })
}

/** A body that goes on after the reply is read for this long without a byte, ms: closing at once could lose the reply on its way. */
const LINGER_MS = 5000

/** Discards the rest of the body, so that the client sees the reply and the connection can carry the next request. */
function discardRest (raw: IncomingMessage): void {
  if (raw.readableEnded || raw.destroyed) return
  raw.unpipe()
  raw.removeAllListeners('data')
  const silence = setTimeout(() => { raw.destroy() }, LINGER_MS)
  const stop = (): void => { clearTimeout(silence) }
  const drop = (): void => {
    silence.refresh()
    restForATurn(raw)
  }
  raw.on('data', drop).once('end', stop).once('close', stop)
  // Also where it was paused.
  raw.resume()
}

/** Registers the handlers of thrown errors and of unknown paths. A known path with another method is 405 with `Allow`. */
export function registerProblems (app: FastifyInstance): void {
  const routes: Array<{ url: string, pattern: RegExp, method: string }> = []
  app.addHook('onRoute', ({ url, method }) => {
    const pattern = new RegExp(`^${url.replace(/[.+?^$()[\]{}|\\]/g, '\\$&').replace(/:\w+/g, '[^/]+').replace('*', '.*')}$`)
    for (const one of [method].flat()) routes.push({ url, pattern, method: one })
  })
  app.addHook('onRequest', async request => { checkHead(request) })
  app.setErrorHandler(sendProblem)
  app.setNotFoundHandler(async (request, reply) => {
    const path = request.url.split('?')[0]!
    const allowed = [...new Set(routes.filter(route => route.pattern.test(path)).map(route => route.method))]
    // A path may match a route and still not be found, such as a missing file below /docs.
    if (allowed.length === 0 || allowed.includes(request.method)) {
      return await sendProblem(errors.notFound(`one of the paths ${pathsOf(routes)}`, 'another'), request, reply)
    }
    reply.header('allow', allowed.join(', '))
    await sendProblem(errors.method(allowed.join(' or '), request.method), request, reply)
  })
}

/** `/link, /entities/{id}, …` as in openapi.yaml, without the files of /docs. */
function pathsOf (routes: ReadonlyArray<{ url: string }>): string {
  const paths = routes.map(({ url }) => url).filter(url => !/^\/docs.|\*/.test(url))
  return [...new Set(paths)].map(path => path.replace(/:(\w+)/g, '{$1}')).join(', ')
}

/** @throws VEL_ERR_BAD_REQUEST, VEL_ERR_EXPECTATION for heads that Node's parser accepts and HTTP forbids */
function checkHead ({ raw: { httpVersion }, headers }: FastifyRequest): void {
  if (httpVersion === '1.1' && headers.host === undefined) throw errors.badRequest('one without a Host header')
  if (headers.expect !== undefined && headers.expect.toLowerCase() !== '100-continue') throw errors.expectation()
}

/** Handles URLs that Fastify cannot decode, such as `/%zz`; no hook has run for them. */
export function onFrameworkError (error: Error, request: FastifyRequest, reply: FastifyReply): void {
  request.facts = {}
  reply.header('x-request-id', request.id)
  sendProblem(error, request, reply).catch(failure => { request.log.error({ err: failure }, 'no reply could be sent') })
}

/** Handles requests that Node's parser rejects or times out. There is no request object: reply and log line are written here. */
export function clientErrors (uploadTimeoutMs: number): (this: FastifyInstance, error: NodeJS.ErrnoException, socket: Socket) => void {
  return function (error, socket) {
    if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
      socket.destroy()
      return
    }
    const problem = toProblem(problemOf(error.code, uploadTimeoutMs), 'unknown')
    this.log.info({ status: problem.status, code: problem.code, reason: error.code }, 'request that could not be read')
    const body = JSON.stringify(problem)
    const head = [
      `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]!}`,
      `Content-Type: ${PROBLEM_TYPE}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close'
    ]
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
  }
}

function problemOf (reason: string | undefined, uploadTimeoutMs: number): CodedError {
  if (reason === 'ERR_HTTP_REQUEST_TIMEOUT') return errors.uploadTimeout(String(uploadTimeoutMs)) as CodedError
  if (reason === 'HPE_HEADER_OVERFLOW') return errors.headersTooLarge(String(maxHeaderSize)) as CodedError
  return errors.badRequest('bytes that are not one') as CodedError
}
