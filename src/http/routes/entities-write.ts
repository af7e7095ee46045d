// Routes that change the knowledge base: entities, their photos, and reloading the index. They need scope kb:write.
import type { FastifyInstance, FastifyRequest, RouteShorthandOptions } from 'fastify'
import type { Config } from '../../config.ts'
import type { ImageFetcher } from '../upload/fetch-image.ts'
import type { ReadinessGate } from '../plugins/readiness.ts'
import { errors } from '../../errors.ts'
import { IMAGE_ID } from '../../types.ts'
import { auditImage, type AuditedAction } from '../plugins/audit.ts'
import { clientSignal, within } from '../timeout.ts'
import { readEntityId } from './entities.ts'
import { cutImage } from '../upload/cut-image.ts'
import { parseObject } from '../upload/json.ts'
import { readBytes } from '../upload/read-bytes.ts'
import { toEntity } from '../serialize.ts'
import { fromQuery, parseBoxOption } from '../upload/link-options.ts'
import type { AddedImage } from '../../kb/types.ts'
import { readUpload } from '../upload/upload.ts'
import type { TakeBytes, UploadBudget } from '../upload/upload-budget.ts'

export interface EntityWriteRoutes {
  readonly config: Pick<Config, 'maxImageBytes' | 'linkTimeoutMs' | 'uploadTimeoutMs'>
  readonly service: ReadinessGate
  readonly fetcher: ImageFetcher
  readonly uploads: UploadBudget
  /** Hooks that check the scope kb:write and the rate limit. */
  readonly guards: RouteShorthandOptions
}

interface Photo { Params: { id: string, image: string } }

/** More than the longest accepted name, description and aliases need. */
const MAX_RECORD_BYTES = 2 ** 20
const RECORD_TYPE = 'application/json'

export function registerEntitiesWrite (app: FastifyInstance, { config, service, fetcher, uploads, ...given }: EntityWriteRoutes): void {
  const guards = { ...given.guards, preHandler: refuseQuery }
  const audited = (audit: AuditedAction): RouteShorthandOptions => ({ ...guards, config: { audit } })
  const add = { ...given.guards, config: { audit: 'add-image' } } as const
  const put = { ...guards, config: { mediaTypes: RECORD_TYPE, audit: 'put-entity' } } as const
  const { linkTimeoutMs, uploadTimeoutMs } = config
  const uploadTimeout = (): Error => errors.uploadTimeout(String(uploadTimeoutMs))
  const linkTimeout = (): Error => errors.deadline(String(linkTimeoutMs))

  app.put<{ Params: { id: string } }>('/entities/:id', put, async (request, reply) => {
    const id = readEntityId(request.params.id)
    const linker = service.linker()
    const client = clientSignal(reply)
    const take = uploads.open(request, reply)
    const given = await within(uploadTimeoutMs, uploadTimeout, [client, service.closing], async () => await readRecord(request, take))
    const { entity, created } = await within(linkTimeoutMs, linkTimeout, [client], async signal => {
      return await linker.editor.put(id, given, signal)
    })
    return await reply.code(created ? 201 : 200).send(toEntity(entity, linker.images(id)))
  })

  app.delete<{ Params: { id: string } }>('/entities/:id', audited('delete-entity'), async (request, reply) => {
    await service.linker().editor.remove(readEntityId(request.params.id))
    return await reply.code(204).send()
  })

  app.post<{ Params: { id: string } }>('/entities/:id/images', add, async (request, reply) => {
    const id = readEntityId(request.params.id)
    const { editor } = service.linker()
    const client = clientSignal(reply)
    const limits = { maxImageBytes: config.maxImageBytes, take: uploads.open(request, reply) }
    const upload = await within(uploadTimeoutMs, uploadTimeout, [client, service.closing], async () => await readUpload(request, limits))
    const box = parseBoxOption([...fromQuery(request.query), ...upload.options])
    const bytes = upload.image instanceof Uint8Array ? upload.image : await fetcher.fetchImage(upload.image.url, client, limits.take)
    request.facts.imageBytes = bytes.length
    auditImage(request, bytes)
    const add = async (signal: AbortSignal): Promise<AddedImage> => await editor.addImage(id, bytes, box, signal)
    const { image, created, notes } = await within(linkTimeoutMs, linkTimeout, [client], add)
    return await reply.code(created ? 201 : 200).send({ id, image, notes })
  })

  app.delete<Photo>('/entities/:id/images/:image', audited('delete-image'), async (request, reply) => {
    const { image } = request.params
    if (!IMAGE_ID.test(image)) throw errors.badOption('the first 16 hex digits of the photo\'s sha256', 'image', 'another text')
    await service.linker().editor.removeImage(readEntityId(request.params.id), image)
    return await reply.code(204).send()
  })

  app.post('/index/reload', audited('reload-index'), async () => ({ index: await service.linker().editor.reload() }))
}

/** @throws VEL_ERR_BAD_OPTION: all routes but that of images have no query parameters */
export async function refuseQuery ({ query }: FastifyRequest): Promise<void> {
  const [name] = Object.keys(query as object)
  if (name !== undefined) throw errors.badOption('a request without query parameters', name.slice(0, 60), 'one')
}

/** @throws VEL_ERR_MEDIA_TYPE, VEL_ERR_BAD_JSON, VEL_ERR_BAD_OPTION, VEL_ERR_OVERLOADED */
async function readRecord (request: FastifyRequest, take: TakeBytes): Promise<Record<string, unknown>> {
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) {
    throw errors.mediaType(RECORD_TYPE, 'another Content-Type or none')
  }
  const body = await readBytes(request.raw, MAX_RECORD_BYTES, {
    tooMany: () => errors.badJson(`one of more than ${MAX_RECORD_BYTES} bytes`),
    broken: () => errors.clientGone()
  }, take)
  // Refuses deep nesting, which JSON.parse takes long for.
  cutImage(body, MAX_RECORD_BYTES + 1)
  const record = parseObject(body)
  // The id is that of the path: a second one could differ.
  if ('id' in record) throw errors.badOption('one of name, description, aliases, birthYear, deathYear', 'id', 'an unknown member')
  return record
}
