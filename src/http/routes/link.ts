// POST /link: upload -> linkImage -> reply.
import type { FastifyInstance, RouteShorthandOptions } from 'fastify'
import type { MetadataReader } from '../../captions/metadata-reader.ts'
import type { Config } from '../../config.ts'
import type { ImageFetcher } from '../upload/fetch-image.ts'
import type { ReadinessGate } from '../plugins/readiness.ts'
import { withMetadata } from '../../captions/with-metadata.ts'
import { errors } from '../../errors.ts'
import { auditImage, auditLinks } from '../plugins/audit.ts'
import { clientSignal, within } from '../timeout.ts'
import { fromQuery, parseOptions } from '../upload/link-options.ts'
import { countNilReasons, countStatuses, serverTiming, toReply } from '../serialize.ts'
import { readUpload } from '../upload/upload.ts'
import type { UploadBudget } from '../upload/upload-budget.ts'

export interface LinkRoute {
  readonly config: Pick<Config, 'maxImageBytes' | 'linkTimeoutMs' | 'uploadTimeoutMs'>
  readonly service: ReadinessGate
  readonly fetcher: ImageFetcher
  readonly uploads: UploadBudget
  readonly metadata: MetadataReader
  readonly guards: RouteShorthandOptions
}

/**
 * UPLOAD_TIMEOUT_MS limits the upload and, separately, the fetch of a URL; LINK_TIMEOUT_MS limits the linking. An upload that is
 * incomplete when the service closes is refused.
 */
export function registerLink (app: FastifyInstance, { config, service, fetcher, metadata, uploads, guards }: LinkRoute): void {
  const { linkTimeoutMs, uploadTimeoutMs } = config
  const uploadTimeout = (): Error => errors.uploadTimeout(String(uploadTimeoutMs))
  const linkTimeout = (): Error => errors.deadline(String(linkTimeoutMs))
  app.post('/link', { ...guards, config: { audit: 'link' } }, async (request, reply) => {
    const linker = service.linker()
    const client = clientSignal(reply)
    const limits = { maxImageBytes: config.maxImageBytes, take: uploads.open(request, reply) }
    const upload = await within(uploadTimeoutMs, uploadTimeout, [client, service.closing], async () => await readUpload(request, limits))
    const { readMetadata = false, ...said } = parseOptions([...fromQuery(request.query), ...upload.options])
    const bytes = upload.image instanceof Uint8Array ? upload.image : await fetcher.fetchImage(upload.image.url, client, limits.take)
    request.facts.imageBytes = bytes.length
    auditImage(request, bytes)

    const start = performance.now()
    const { linked, options, read } = await within(linkTimeoutMs, linkTimeout, [client], async signal => {
      const read = readMetadata ? await metadata.read(bytes, signal) : null
      const options = read === null ? said : withMetadata(said, read)
      return { linked: await linker.linkImage(bytes, options, signal, request.facts.key), options, read }
    })
    auditLinks(request, linked)
    Object.assign(request.facts, {
      imageWidth: linked.width,
      imageHeight: linked.height,
      turnedBy: linked.turnedBy,
      mentions: linked.links.length,
      facesRejected: linked.facesRejected,
      statuses: countStatuses(linked.links),
      nilReasons: countNilReasons(linked.links),
      stages: linked.timings,
      hinted: linked.hints?.applied === true,
      ...(linked.hints?.names !== undefined && { captionLength: options.caption?.length, captionNames: linked.hints.names.length })
    })
    reply.header('server-timing', serverTiming(linked.timings, performance.now() - start))
    return toReply(request.id, bytes, linked, read, said.caption === undefined)
  })
}
