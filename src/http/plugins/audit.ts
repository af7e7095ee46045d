// The audit log: one line a request that links or changes the knowledge base, whatever its outcome. It never holds image bytes,
// embeddings, names, descriptions, or an id of the blocklist.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ENTITY_ID, IMAGE_ID, type Link, type LinkedImage } from '../../types.ts'
import { sha256 } from '../../files.ts'
import { statusOf } from './request-log.ts'

export type AuditedAction =
  'link' | 'put-entity' | 'delete-entity' | 'add-image' | 'delete-image' | 'reload-index' | 'list-blocklist' | 'block' | 'unblock'

/** Fields of the audit line that a route adds. */
interface Audited {
  imageSha256?: string
  indexVersion?: string
  decisions?: ReadonlyArray<{ readonly status: Link['status'], readonly entity: string | null }>
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Has each request of the route audited. */
    audit?: AuditedAction
  }
  interface FastifyRequest {
    /** Null where the audit log is off, or the route is not audited. */
    audited: Audited | null
  }
}

export function registerAudit (app: FastifyInstance, on: boolean): void {
  app.decorateRequest('audited', null)
  if (!on) return
  app.addHook('onRequest', async (request, reply) => {
    const { audit } = request.routeOptions.config
    if (audit === undefined) return
    request.audited = {}
    // The audit log is on whatever LOG_LEVEL leaves out.
    const log = request.log.child({ audit: true }, { level: 'info' })
    reply.raw.once('close', () => { log.info(describe(audit, request, reply), 'audit') })
  })
}

function describe (action: AuditedAction, request: FastifyRequest, reply: FastifyReply): object {
  const { key, code } = request.facts
  return { action, status: statusOf(reply), key, code, ...idsOf(action, request.params), ...request.audited }
}

/** The ids that the path names. Those of the blocklist are left out: GET /blocklist lists them. */
function idsOf (action: AuditedAction, params: unknown): { entity?: string, image?: string } {
  const { id, image } = (params ?? {}) as { id?: string, image?: string }
  return {
    ...(id === undefined || !ENTITY_ID.test(id) || action === 'block' || action === 'unblock' ? {} : { entity: id }),
    ...(image === undefined || !IMAGE_ID.test(image) ? {} : { image })
  }
}

/** Adds the image of a request, by its hash. */
export function auditImage ({ audited }: FastifyRequest, bytes: Uint8Array): void {
  if (audited !== null) audited.imageSha256 = sha256(bytes)
}

/** Adds what was decided on the image of a request. */
export function auditLinks ({ audited }: FastifyRequest, { index, links }: LinkedImage): void {
  if (audited === null) return
  audited.indexVersion = index.version
  audited.decisions = links.map(({ status, entity }) => ({ status, entity: entity?.id ?? null }))
}
