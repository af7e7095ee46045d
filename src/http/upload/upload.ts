// Reads a request's body, in any of its forms, into an image or its URL and the options sent with it.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Upload, UploadLimits } from './link-options.ts'
import multipart from '@fastify/multipart'
import { errors } from '../../errors.ts'
import { readBytes } from './read-bytes.ts'
import { readMultipart } from './multipart.ts'
import { jsonLimit, readJson } from './json.ts'

/** Media types of a body with an image, for errors. */
export const IMAGE_TYPES = 'multipart/form-data, image/*, application/octet-stream or application/json'

/** Allowance for boundaries, part headers and options around the image in a multipart form, bytes. */
const FORM_BYTES = 2 ** 21

/** Passes bodies to the route unread: the route applies its own limits and deadline. */
export async function registerBodies (app: FastifyInstance): Promise<void> {
  await app.register(multipart)
  app.removeContentTypeParser(['application/json', 'text/plain'])
  app.addContentTypeParser(/^(image\/|application\/(octet-stream|json)\b)/, async () => undefined)
}

/**
 * Reads the body and enforces the limits while bytes arrive.
 *
 * @throws VEL_ERR_NO_IMAGE, VEL_ERR_TOO_MANY_BYTES, VEL_ERR_MEDIA_TYPE, VEL_ERR_OVERLOADED, VEL_ERR_CLIENT_GONE,
 *   and the errors of the form's reader
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
    : form === 'json' ? await readJson(request, limits) : await readRaw(request, limits)
  if (upload.image instanceof Uint8Array && upload.image.length === 0) throw errors.noImage('an empty one')
  return upload
}

async function readRaw (request: FastifyRequest, { maxImageBytes, take }: UploadLimits): Promise<Upload> {
  const bytes = await readBytes(request.raw, maxImageBytes, {
    tooMany: () => errors.tooManyBytes(String(maxImageBytes), 'more'),
    broken: () => errors.clientGone()
  }, take)
  if (bytes.length === 0) throw errors.noImage('an empty body')
  return { image: bytes, options: [] }
}

/** @returns the Content-Type in lower case, empty if there is none. @throws VEL_ERR_MEDIA_TYPE */
function checkType ({ headers }: FastifyRequest): string {
  const encoding = headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity') throw errors.mediaType(IMAGE_TYPES, 'a Content-Encoding')
  const type = (headers['content-type'] ?? '').toLowerCase()
  const charset = /charset="?([\w-]+)/.exec(type)?.[1]
  if (type.startsWith('application/json') && charset !== undefined && charset !== 'utf-8' && charset !== 'utf8') {
    throw errors.mediaType(IMAGE_TYPES, 'JSON in another charset than UTF-8')
  }
  return type
}
