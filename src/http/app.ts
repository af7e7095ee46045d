// Composes the HTTP service: plugins and routes, in explicit order.
import { fastify, LogController, type FastifyBaseLogger, type FastifyInstance, type RouteShorthandOptions } from 'fastify'
import type { Config, Scope } from '../config.ts'
import { createMetadataReader } from '../captions/metadata-reader.ts'
import type { Linker } from '../linker.ts'
import { registerBlocklist } from './routes/blocklist.ts'
import { registerDocs } from './routes/docs.ts'
import { registerEntities } from './routes/entities.ts'
import { createImageFetcher } from './upload/fetch-image.ts'
import { registerHealth } from './routes/health.ts'
import { registerEntitiesWrite } from './routes/entities-write.ts'
import { registerAudit } from './plugins/audit.ts'
import { requireScope } from './plugins/auth.ts'
import { registerLink } from './routes/link.ts'
import { createMetrics } from './routes/metrics.ts'
import { clientErrors, onFrameworkError, registerProblems } from './plugins/problem.ts'
import { createRateLimitHook } from './plugins/rate-limit.ts'
import { requestId, registerRequestLog } from './plugins/request-log.ts'
import { dropIdleConnections } from './plugins/idle-connections.ts'
import { createReadinessGate } from './plugins/readiness.ts'
import { registerBodies } from './upload/upload.ts'
import { createUploadBudget } from './upload/upload-budget.ts'
import { connectRedis } from '../replicas/redis.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** From now on `/health/ready` is 503, while requests are served, each on a connection that closes after its reply. */
    beginDrain: () => void
  }
}

/** Node cuts a request this long after the route's own deadline, ms. */
const GRACE_MS = 5000

/**
 * Builds the app around a linker or the promise of one: until it resolves, `/health/live` is 200, `/health/ready` and `/link` are
 * 503. Closing the app finishes the requests in flight, then closes the linker.
 */
export async function buildApp (config: Config, linker: Linker | Promise<Linker>, log: FastifyBaseLogger): Promise<FastifyInstance> {
  const service = createReadinessGate(linker)
  const uploads = createUploadBudget(config.maxUploadsBytes)
  const metrics = createMetrics(service, uploads)
  const fetcher = createImageFetcher(config)
  const metadata = createMetadataReader()
  const app = createServer(config, log)

  registerRequestLog(app, metrics.count)
  registerAudit(app, config.auditLog)
  registerProblems(app)
  await registerBodies(app)
  const redis = config.redisUrl === null || config.rateLimitPerMinute === 0 ? null : connectRedis(config.redisUrl, 'rate limits', log)
  const limitRate = await createRateLimitHook(app, config.rateLimitPerMinute, redis)
  const guard = (scope: Scope): RouteShorthandOptions => ({ onRequest: [requireScope(config.apiKeys, scope), limitRate] })
  registerHealth(app, service)
  metrics.register(app)
  await registerDocs(app)
  registerEntities(app, service, guard('link'))
  registerEntitiesWrite(app, { config, service, fetcher, uploads, guards: guard('kb:write') })
  registerBlocklist(app, service, guard('kb:write'))
  registerLink(app, { config, service, fetcher, metadata, uploads, guards: guard('link') })

  let stopping = false
  app.decorate('beginDrain', () => { stopping = true; service.beginDrain() })
  app.addHook('preClose', async () => { stopping = true; service.beginClose() })
  dropIdleConnections(app)
  app.addHook('onSend', async (_request, reply) => { if (stopping) reply.header('connection', 'close') })
  app.addHook('onClose', async () => { redis?.disconnect(); await Promise.all([fetcher.close(), metadata.close(), service.close()]) })
  return app
}

function createServer (config: Config, log: FastifyBaseLogger): FastifyInstance {
  const hops = config.trustProxy
  const app = fastify({
    loggerInstance: log,
    // request-log.ts writes one line a request.
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: requestId,
    trustProxy: typeof hops === 'number' ? (_address, hop) => hop < hops : hops,
    // While closing, routes answer with problem documents.
    return503OnClosing: false,
    requestTimeout: config.uploadTimeoutMs + GRACE_MS,
    frameworkErrors: onFrameworkError,
    clientErrorHandler: clientErrors(config.uploadTimeoutMs),
    // Node would answer a missing Host itself, without a problem document: problem.ts does.
    http: { connectionsCheckingInterval: GRACE_MS, requireHostHeader: false }
  })
  // The same for an unknown Expect.
  app.server.on('checkExpectation', (request, response) => { app.server.emit('request', request, response) })
  app.server.headersTimeout = config.uploadTimeoutMs
  return app
}
