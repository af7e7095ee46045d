// GET /health/live: the process answers. GET /health/ready: whether it can link, and with which models and index.
import type { FastifyInstance } from 'fastify'
import { RETRY_S, type ReadinessGate } from '../plugins/readiness.ts'
import { errors } from '../../errors.ts'
import { sendProblem } from '../plugins/problem.ts'

export function registerHealth (app: FastifyInstance, service: ReadinessGate): void {
  app.get('/health/live', async () => ({ status: 'live' }))
  app.get('/health/ready', async (request, reply) => {
    const { reason, parts } = service.readiness()
    const { ready, blocked, ...rest } = parts
    reply.header('cache-control', 'no-store')
    if (reason === null) return { status: 'ready', ...rest }
    await sendProblem(errors.notReady(reason, RETRY_S), request, reply, rest)
  })
}
