// GET /metrics in Prometheus text format, with one registry for each app.
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { FastifyInstance } from 'fastify'
import type { Finished } from '../plugins/request-log.ts'
import type { ReadinessGate } from '../plugins/readiness.ts'
import type { UploadBudget } from '../upload/upload-budget.ts'

/** Histogram bounds, s: from a fast stage to LINK_TIMEOUT_MS. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

export interface Metrics { readonly count: (finished: Finished) => void, readonly register: (app: FastifyInstance) => void }

export function createMetrics (service: ReadinessGate, uploads: UploadBudget): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const requests = new Counter({
    name: 'vel_http_requests_total',
    help: 'Requests by route and status; 499 is a client that hung up',
    labelNames: ['method', 'route', 'status'],
    registers
  })
  const seconds = new Histogram({
    name: 'vel_http_request_seconds',
    help: 'Time from the request\'s head to the end of its reply',
    labelNames: ['route'],
    buckets: BUCKETS,
    registers
  })
  const stages = new Histogram({
    name: 'vel_stage_seconds', help: 'Time in each stage of the path', labelNames: ['stage'], buckets: BUCKETS, registers
  })
  const mentions = new Counter({
    name: 'vel_mentions_total',
    help: 'Mentions by status, and by reason where nobody is named',
    labelNames: ['status', 'reason'],
    registers
  })
  const byHints = new Counter({
    name: 'vel_mentions_by_hints_total',
    help: 'Mentions by status and by whether a caption, shortlist or date took part in the decision',
    labelNames: ['status', 'hints'],
    registers
  })
  const rejected = new Counter({ name: 'vel_faces_rejected_total', help: 'Detections that are no face and were left out', registers })
  const problems = new Counter({ name: 'vel_errors_total', help: 'Replies that told an error, by code', labelNames: ['code'], registers })
  addGauges(registry, service, uploads)

  const count = ({ method, route, status, ms, facts }: Finished): void => {
    requests.inc({ method, route, status })
    seconds.observe({ route }, ms / 1000)
    if (facts.code !== undefined) problems.inc({ code: facts.code })
    for (const [stage, stageMs] of Object.entries(facts.stages ?? {})) stages.observe({ stage }, stageMs / 1000)
    for (const [name, n] of Object.entries(facts.statuses ?? {})) if (name !== 'nil') mentions.inc({ status: name, reason: '' }, n)
    const hints = facts.hinted === true ? 'with' : 'without'
    for (const [status, n] of Object.entries(facts.statuses ?? {})) byHints.inc({ status, hints }, n)
    for (const [reason, n] of Object.entries(facts.nilReasons ?? {})) mentions.inc({ status: 'nil', reason }, n)
    rejected.inc(facts.facesRejected ?? 0)
  }
  const register = (app: FastifyInstance): void => {
    app.get('/metrics', async (_request, reply) => await reply.type(registry.contentType).send(await registry.metrics()))
    app.addHook('onClose', async () => { registry.clear() })
  }
  return { count, register }
}

/** Gauges whose values are read at each scrape. */
function addGauges (registry: Registry, service: ReadinessGate, uploads: UploadBudget): void {
  const parts = (): ReturnType<ReadinessGate['readiness']>['parts'] => service.readiness().parts
  const gauge = (name: string, help: string, value: () => number): void => {
    registry.registerMetric(new Gauge({ name, help, registers: [], collect () { this.set(value()) } }))
  }
  gauge('vel_ready', '1 where the service can link', () => Number(parts().ready))
  gauge('vel_queue_depth', 'Images that wait for a worker', () => parts().engine.queued)
  gauge('vel_queue_limit', 'Images that may wait for a worker', () => parts().engine.maxQueue)
  gauge('vel_upload_bytes', 'Bytes of request bodies that are held', uploads.held)
  gauge('vel_upload_bytes_limit', 'Bytes of request bodies that may be held', () => uploads.limit)
  gauge('vel_images_running', 'Images in a worker\'s hands', () => parts().engine.running)
  gauge('vel_workers', 'Inference workers that should run', () => parts().engine.workers)
  gauge('vel_workers_ready', 'Inference workers that run', () => parts().engine.workersReady)
  gauge('vel_index_entities', 'Entities in the index', () => parts().index.info?.entities ?? 0)
  // NOTE: mentions of blocked people are not counted: with such a count anybody who sends a photo would learn who is blocked.
  gauge('vel_blocked_entities', 'Ids on the blocklist', () => parts().blocked)
  gauge('vel_cache_up', '1 where the cache answers', () => Number(parts().cache.state === 'ready'))
  registry.registerMetric(new Gauge({
    name: 'vel_model_info',
    help: 'Models as they run; provider is the execution provider that really runs them',
    labelNames: ['role', 'name', 'sha256', 'provider'],
    registers: [],
    collect () {
      this.reset()
      for (const { role, name, sha256, provider } of parts().models.list) this.set({ role, name, sha256, provider }, 1)
    }
  }))
}
