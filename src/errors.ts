// The table of errors: stable code, HTTP status, message. A message states what was expected, what was received, and what to do.
// A test compares the codes with the table in openapi.yaml.
import createError, { type FastifyError, type FastifyErrorConstructor } from '@fastify/error'

const define = (code: string, message: string, status: number): FastifyErrorConstructor => createError(code, message, status)

export interface Retriable {
  /** Seconds until the same request may succeed; sent as Retry-After. */
  readonly retryAfterS: number
}

/** Defines an error of a temporary condition. The message's second `%s` is `retryAfterS`, by default `defaultS`. */
function defineRetriable (code: string, message: string, status: number, defaultS = 1) {
  const create = createError(code, message, status)
  return (what: string, retryAfterS = defaultS): FastifyError & Retriable => {
    return Object.assign(create(what, String(retryAfterS)), { retryAfterS })
  }
}

export const errors = {
  // The request.
  noImage: define(
    'VEL_ERR_NO_IMAGE',
    'Expected an image as multipart field "image", as a raw image/* body, or as JSON {"image": base64} or {"url": …}, received %s',
    400
  ),
  badOption: define('VEL_ERR_BAD_OPTION', 'Expected %s for "%s", received %s', 400),
  badBoxes: define('VEL_ERR_BAD_BOXES', 'Expected "boxes" as %s, received %s', 400),
  badJson: define('VEL_ERR_BAD_JSON', 'Expected a JSON object, received %s', 400),
  badRequest: define('VEL_ERR_BAD_REQUEST', 'Expected a well-formed HTTP request, received %s', 400),
  keyMissing: define('VEL_ERR_KEY_MISSING', 'Expected an API key as "Authorization: Bearer KEY" or "X-API-Key: KEY", received %s', 401),
  keyRefused: define('VEL_ERR_KEY_REFUSED', 'Expected an API key with scope %s, received %s', 403),
  urlRefused: define('VEL_ERR_URL_REFUSED', 'Expected an image URL %s, received %s', 403),
  notFound: define('VEL_ERR_NOT_FOUND', 'Expected %s, received %s', 404),
  method: define('VEL_ERR_METHOD', 'Expected %s, received %s', 405),
  uploadTimeout: define(
    'VEL_ERR_UPLOAD_TIMEOUT',
    'Expected the whole request within %s ms (UPLOAD_TIMEOUT_MS), received a part of it',
    408
  ),
  expectation: define('VEL_ERR_EXPECTATION', 'Expected the header Expect as 100-continue or not at all, received another', 417),
  headersTooLarge: define('VEL_ERR_HEADERS_TOO_LARGE', 'Expected request headers of at most %s bytes, received more', 431),
  tooManyBytes: define('VEL_ERR_TOO_MANY_BYTES', 'Expected an image of at most %s bytes (MAX_IMAGE_BYTES), received %s', 413),
  tooManyPixels: define('VEL_ERR_TOO_MANY_PIXELS', 'Expected an image of at most %s, received %s', 413),
  notAnImageType: define('VEL_ERR_NOT_AN_IMAGE_TYPE', 'Expected JPEG, PNG, WebP, AVIF, GIF or TIFF, received %s', 415),
  mediaType: define(
    'VEL_ERR_MEDIA_TYPE',
    'Expected Content-Type %s, without Content-Encoding, received %s',
    415
  ),
  undecodable: define('VEL_ERR_UNDECODABLE', 'Expected a whole, readable image, received one that cannot be decoded: %s', 422),
  urlUnreadable: define('VEL_ERR_URL_UNREADABLE', 'Expected a readable image at the URL, received %s', 422),
  modeUnavailable: define('VEL_ERR_MODE_UNAVAILABLE', 'Expected a mode that this service can serve (%s), received %s: %s', 422),
  rateLimited: defineRetriable('VEL_ERR_RATE_LIMITED', 'Expected at most %s requests a minute, received more; try again in %s s', 429),
  unusablePhoto: define('VEL_ERR_UNUSABLE_PHOTO', 'Expected a photo with one prominent, usable face, received %s', 422),
  reload: define('VEL_ERR_RELOAD', 'Expected an index that can be swapped in, but it cannot, and the one before goes on serving: %s', 409),
  blocked: define(
    'VEL_ERR_BLOCKED',
    'Expected an id that is not on the blocklist, received one that is; take it off first by DELETE /blocklist/{id}, if that may be done',
    409
  ),
  notWritten: defineRetriable(
    'VEL_ERR_NOT_WRITTEN',
    'Expected a disk that keeps the change, but it could not be written and nothing was changed (%s); try again in %s s',
    503, 60
  ),
  overloaded: defineRetriable('VEL_ERR_OVERLOADED', 'Expected %s, received one more; try again in %s s', 503),
  notReady: defineRetriable('VEL_ERR_NOT_READY', 'Expected a ready service, received a request while %s; try again in %s s', 503),
  /** Never sent: the client has closed the connection. */
  clientGone: define('VEL_ERR_CLIENT_GONE', 'Expected a client that waits for its reply, but it hung up', 499),
  workerDied: define(
    'VEL_ERR_WORKER_DIED',
    'Expected the inference worker to finish this image, but it died (%s) and is being replaced; send the image again',
    503
  ),
  deadline: define(
    'VEL_ERR_DEADLINE',
    'Expected a result within %s ms (LINK_TIMEOUT_MS), it was not ready; try again or raise the limit',
    504
  ),
  internal: define('VEL_ERR_INTERNAL', 'Expected no fault, but one of ours happened; the log has it under this request id', 500),
  // Startup and command line; the status is never sent.
  config: define('VEL_ERR_CONFIG', 'Expected a valid configuration, received:\n%s', 500),
  listen: define('VEL_ERR_LISTEN', 'Expected to listen on %s port %s (HOST, PORT), but %s', 500),
  pack: define('VEL_ERR_PACK', 'Model pack %s: expected %s, received %s', 500),
  weights: define('VEL_ERR_WEIGHTS', 'Model pack %s: expected %s, received %s', 500),
  fetchFailed: define('VEL_ERR_FETCH', 'Model pack %s: expected %s, received %s', 500),
  workers: define(
    'VEL_ERR_WORKERS',
    'Expected the inference workers to start, but they do not: %s; check the weights with `vel models verify` and that memory suffices',
    500
  ),
  provider: define('VEL_ERR_PROVIDER', 'Expected execution provider %s, but it cannot be had: %s', 500),
  index: define('VEL_ERR_INDEX', 'Index %s: expected %s, received %s', 500),
  input: define('VEL_ERR_INPUT', 'Expected %s, received %s', 500)
} as const

/** Whether `error` comes from this table. */
export function isVelError (error: unknown): error is Error & { code: string, statusCode: number } {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code.startsWith('VEL_ERR_')
}

/** Whether a worker process died over the work, rather than refusing it. */
export function isWorkerDeath (error: unknown): boolean {
  return isVelError(error) && error.code === 'VEL_ERR_WORKER_DIED'
}
