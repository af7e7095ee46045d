// GET /entities/:id: one person of the knowledge base. GET /entities: people by the beginning of a name or alias, in pages.
import type { FastifyInstance, RouteShorthandOptions } from 'fastify'
import type { ReadinessGate } from '../plugins/readiness.ts'
import { errors } from '../../errors.ts'
import { ENTITY_ID } from '../../types.ts'
import { toEntity } from '../serialize.ts'

export const MAX_PAGE = 100
const DEFAULT_PAGE = 20
export const MAX_QUERY = 200

type Query = Readonly<Record<string, string | string[] | undefined>>

export function registerEntities (app: FastifyInstance, service: ReadinessGate, guards: RouteShorthandOptions): void {
  app.get<{ Params: { id: string } }>('/entities/:id', guards, async request => {
    const id = readEntityId(request.params.id)
    const linker = service.linker()
    const entity = linker.entity(id)
    if (entity === undefined) throw errors.notFound('an entity of the index', id)
    return toEntity(entity, linker.images(id))
  })

  app.get<{ Querystring: Query }>('/entities', guards, async request => {
    const linker = service.linker()
    const { entities, next } = await linker.find(readQuery(request.query))
    return { entities: entities.map(entity => toEntity(entity, linker.images(entity.id))), next }
  })
}

/** @throws VEL_ERR_BAD_OPTION */
export function readEntityId (id: string): string {
  if (!ENTITY_ID.test(id)) throw errors.badOption('a Wikidata item id such as Q207', 'id', 'another text')
  return id
}

/** @throws VEL_ERR_BAD_OPTION */
function readQuery (
  { query = '', limit = String(DEFAULT_PAGE), cursor, ...others }: Query
): { query: string, limit: number, after: string | undefined } {
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) throw errors.badOption('one of query, limit, cursor', unknown.slice(0, 60), 'an unknown option')
  if (typeof query !== 'string' || query.length > MAX_QUERY) {
    const received = typeof query === 'string' ? `one of ${query.length}` : 'two'
    throw errors.badOption(`one text of at most ${MAX_QUERY} characters`, 'query', received)
  }
  if (typeof limit !== 'string' || !/^\d{1,3}$/.test(limit) || Number(limit) < 1 || Number(limit) > MAX_PAGE) {
    throw errors.badOption(`a whole number from 1 to ${MAX_PAGE}`, 'limit', 'another value')
  }
  if (cursor !== undefined && (typeof cursor !== 'string' || !ENTITY_ID.test(cursor))) {
    throw errors.badOption('"next" of the page before', 'cursor', 'another text')
  }
  return { query, limit: Number(limit), after: cursor }
}
