// The multipart form of POST /link: one file field "image", options as text fields.
import type { Readable } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import { OPTION_NAMES, type GivenOption, type Upload, type UploadLimits } from './link-options.ts'
import { errors, isVelError } from '../../errors.ts'
import { readBytes } from './read-bytes.ts'

/** Text fields; there are ten options. */
const MAX_FIELDS = 16
/** Large enough that 10,000 boxes are refused for their count, not for their size. */
const MAX_FIELD_BYTES = 2 ** 20

/** @throws VEL_ERR_NO_IMAGE, VEL_ERR_TOO_MANY_BYTES, VEL_ERR_BAD_OPTION, VEL_ERR_BAD_REQUEST, VEL_ERR_OVERLOADED */
export async function readMultipart (request: FastifyRequest, { maxImageBytes, take }: UploadLimits): Promise<Upload> {
  let file: Readable | null = null
  // The parser collects fields itself, so all that arrives is counted here.
  const refused = new Promise<never>((_resolve, reject) => {
    const count = (chunk: Buffer): void => {
      try {
        take(chunk.length)
      } catch (error) {
        request.raw.off('data', count).unpipe()
        // Frees what it has read.
        const reason = error as Error
        file?.destroy(reason)
        reject(reason)
      }
    }
    request.raw.on('data', count)
  })
  return await Promise.race([readParts(request, maxImageBytes, opened => { file = opened }), refused])
}

async function readParts (request: FastifyRequest, maxImageBytes: number, onFile: (file: Readable) => void): Promise<Upload> {
  const options: GivenOption[] = []
  let bytes: Buffer | null = null
  try {
    // One file and one byte above the limits: the parser would silently truncate, so the excess is detected here.
    const limits = { files: 2, fields: MAX_FIELDS, fieldSize: MAX_FIELD_BYTES, fileSize: maxImageBytes + 1 }
    for await (const part of request.parts({ limits })) {
      // The parser's types promise a name, but a part may come without one.
      if ((part.fieldname as string | undefined) === undefined) throw errors.badRequest('a multipart form with a part that has no name')
      if (part.type === 'field') {
        options.push(readField(part))
        continue
      }
      if (OPTION_NAMES.includes(part.fieldname)) throw errors.badOption('a text field', part.fieldname, 'a file')
      if (part.fieldname !== 'image') throw errors.noImage(`a file in field ${JSON.stringify(part.fieldname)}`)
      if (bytes !== null) throw errors.noImage('two images; send one a request')
      onFile(part.file)
      bytes = await readBytes(part.file, maxImageBytes, {
        tooMany: () => errors.tooManyBytes(String(maxImageBytes), 'more'),
        broken: () => request.raw.complete ? errors.badRequest('a multipart form that ends within the image') : errors.clientGone()
      }, () => {})
    }
  } catch (error) {
    throw asFormError(error)
  }
  if (bytes === null) throw errors.noImage('a form without it')
  return { image: bytes, options }
}

function readField (part: { fieldname: string, value: unknown, valueTruncated: boolean }): GivenOption {
  if (part.fieldname === 'image') throw errors.noImage('"image" as a text field; send it as a file, such as curl -F image=@photo.jpg')
  if (part.valueTruncated) throw errors.badOption(`at most ${MAX_FIELD_BYTES} bytes`, part.fieldname, 'more')
  return [part.fieldname, part.value]
}

/** Errors of the parser are the client's; their text describes the defect of the form. */
function asFormError (error: unknown): Error {
  if (isVelError(error)) return error
  const { code, message } = error as { code?: string, message: string }
  if (code === 'FST_MP_PREMATURE_CLOSE') return errors.clientGone()
  if (code === 'FST_FIELDS_LIMIT') return errors.badOption(`at most ${MAX_FIELDS} fields`, 'the form', 'more')
  if (code === 'FST_FILES_LIMIT') return errors.noImage('more than one file')
  return errors.badRequest(`a multipart form that cannot be read: ${message}`)
}
