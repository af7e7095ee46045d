// GET /entities/:id: one person of the knowledge base.
import type { FastifyInstance, RouteShorthandOptions } from 'fastify'
import type { Service } from './service.ts'
import { errors } from '../errors.ts'
import { toEntity } from './reply.ts'

const ENTITY_ID = /^Q[1-9]\d{0,14}$/

export function registerEntities (app: FastifyInstance, service: Service, guards: RouteShorthandOptions): void {
  app.get<{ Params: { id: string } }>('/entities/:id', guards, async request => {
    const { id } = request.params
    if (!ENTITY_ID.test(id)) throw errors.badOption('a Wikidata item id such as Q207', 'id', 'another text')
    const entity = service.linker().entity(id)
    if (entity === undefined) throw errors.notFound('an entity of the index', id)
    return toEntity(entity)
  })
}
