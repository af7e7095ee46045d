// A request's body, in any of its forms, to one image, or the URL of one, and the options that came with it.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Upload, UploadLimits } from './link-options.ts'
import multipart from '@fastify/multipart'
import { errors } from '../../errors.ts'
import { readBytes } from './read-bytes.ts'
import { readMultipart } from './multipart.ts'
import { jsonLimit, readJson } from './json.ts'

/** Boundaries, part headers and options around an image in a form, bytes. */
const FORM_BYTES = 2 ** 21

/** Bodies are handed to the route unread: it reads them under its own limits and deadline. */
export async function registerBodies (app: FastifyInstance): Promise<void> {
  await app.register(multipart)
  app.removeContentTypeParser(['application/json', 'text/plain'])
  app.addContentTypeParser(/^(image\/|application\/(octet-stream|json)\b)/, async () => undefined)
}

/**
 * Reads the body while applying the limits.
 *
 * @throws VEL_ERR_NO_IMAGE, VEL_ERR_TOO_MANY_BYTES, VEL_ERR_MEDIA_TYPE, VEL_ERR_CLIENT_GONE, and what the form's reader throws
 */
export async function readUpload (request: FastifyRequest, limits: UploadLimits): Promise<Upload> {
  const { maxImageBytes } = limits
  const type = checkType(request)
  const form = request.isMultipart() ? 'multipart' : type.startsWith('application/json') ? 'json' : 'raw'
  const announced = Number(request.headers['content-length'] ?? 0)
  const most = { multipart: maxImageBytes + FORM_BYTES, json: jsonLimit(maxImageBytes), raw: maxImageBytes }[form]
  if (announced > most) throw errors.tooManyBytes(String(maxImageBytes), `a body of ${announced}`)
  const upload = form === 'multipart'
    ? await readMultipart(request, limits)
    : form === 'json' ? await readJson(request, limits) : await readRaw(request, maxImageBytes)
  if (upload.image instanceof Uint8Array && upload.image.length === 0) throw errors.noImage('an empty one')
  return upload
}

async function readRaw (request: FastifyRequest, maxImageBytes: number): Promise<Upload> {
  const bytes = await readBytes(request.raw, maxImageBytes, {
    tooMany: () => errors.tooManyBytes(String(maxImageBytes), 'more'),
    broken: () => errors.clientGone()
  })
  if (bytes.length === 0) throw errors.noImage('an empty body')
  return { image: bytes, options: [] }
}

/** @returns the Content-Type in lower case, empty where there is none. */
function checkType ({ headers }: FastifyRequest): string {
  const encoding = headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity') throw errors.mediaType('a Content-Encoding')
  const type = (headers['content-type'] ?? '').toLowerCase()
  const charset = /charset="?([\w-]+)/.exec(type)?.[1]
  if (type.startsWith('application/json') && charset !== undefined && charset !== 'utf-8' && charset !== 'utf8') throw errors.mediaType('JSON in another charset than UTF-8')
  return type
}
