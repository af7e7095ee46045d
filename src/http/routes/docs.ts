// GET /openapi.json and GET /docs, from openapi.yaml. Neither loads anything from another origin.
import { fileURLToPath } from 'node:url'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'

/** src/ and dist/ are at the same depth, so one relative path serves both. */
const OPENAPI = fileURLToPath(new URL('../../../openapi.yaml', import.meta.url))

/** Allows this origin only. Swagger UI sets style attributes and loads its icons from data: URLs. */
const CSP = [
  "default-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "object-src 'none'",
  "base-uri 'self'",
  "frame-ancestors 'none'"
].join('; ')

export async function registerDocs (app: FastifyInstance): Promise<void> {
  await app.register(swagger, { mode: 'static', specification: { path: OPENAPI, baseDir: '' } })
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: CSP, uiConfig: { validatorUrl: null, tryItOutEnabled: true } })
  app.get('/openapi.json', async () => app.swagger())
}
