// The blocklist: ids that must not be named. All of it needs scope kb:write.
import type { FastifyInstance, RouteShorthandOptions } from 'fastify'
import type { ReadinessGate } from '../plugins/readiness.ts'
import { refuseQuery } from './entities-write.ts'
import { readEntityId } from './entities.ts'

type Named = { Params: { id: string } }

/** @param given hooks that check the scope kb:write and the rate limit. */
export function registerBlocklist (app: FastifyInstance, service: ReadinessGate, given: RouteShorthandOptions): void {
  const guards = { ...given, preHandler: refuseQuery }

  app.get('/blocklist', { ...guards, config: { audit: 'list-blocklist' } }, async () => ({ ids: service.linker().editor.blocklist() }))

  app.put<Named>('/blocklist/:id', { ...guards, config: { audit: 'block' } }, async (request, reply) => {
    const id = readEntityId(request.params.id)
    const created = await service.linker().editor.block(id)
    return await reply.code(created ? 201 : 200).send({ id })
  })

  app.delete<Named>('/blocklist/:id', { ...guards, config: { audit: 'unblock' } }, async (request, reply) => {
    await service.linker().editor.unblock(readEntityId(request.params.id))
    return await reply.code(204).send()
  })
}
