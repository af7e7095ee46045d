// Replies held to openapi.yaml: status, media type and body of each must be described there.
import { readFileSync } from 'node:fs'
import addFormats from 'ajv-formats'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { parse } from 'yaml'

interface Operation { readonly responses: Readonly<Record<string, { $ref?: string, content?: Record<string, unknown> }>> }
export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: {
    readonly schemas: Record<string, { enum?: string[], description?: string }>
    readonly responses: Record<string, { content: Record<string, unknown> }>
    readonly examples: Record<string, { value: unknown }>
  }
}

export const openapi = parse(readFileSync(new URL('../../openapi.yaml', import.meta.url), 'utf8')) as OpenApi

const ajv = new Ajv2020({ strict: false, allErrors: true })
addFormats.default(ajv)
ajv.addSchema(openapi, 'openapi')
const cache = new Map<string, ValidateFunction>()

/** JSON pointer into openapi.yaml to a validator. */
export function validator (...path: string[]): ValidateFunction {
  const pointer = `openapi#/${path.map(part => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')}`
  const known = cache.get(pointer) ?? ajv.compile({ $ref: pointer })
  cache.set(pointer, known)
  return known
}

const pattern = (path: string): RegExp => new RegExp(`^${path.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')}$`)

/** Statuses that any path may answer with before a route is reached: unknown paths, wrong methods, broken requests. */
const ANYWHERE = [400, 404, 405, 408, 417, 431]

/** @throws where openapi.yaml does not describe this reply. */
export function checkReply (method: string, path: string, status: number, type: string, body: string): void {
  const mediaType = type.split(';')[0]!.trim()
  const found = Object.entries(openapi.paths).find(([template, item]) => pattern(template).test(path) && method.toLowerCase() in item)
  if (found === undefined) {
    if (status < 400) throw new Error(`${method} ${path} is not described in openapi.yaml but answers ${status}`)
    return checkBody(['components', 'schemas', 'Problem'], body, `${method} ${path} ${status}`)
  }
  const [template, item] = found
  const operation = method.toLowerCase()
  const response = item[operation]!.responses[String(status)]
  const at = response?.$ref !== undefined ? response.$ref.slice(2).split('/') : ['paths', template, operation, 'responses', String(status)]
  const content = at.reduce<unknown>((node, part) => (node as Record<string, unknown> | undefined)?.[part], openapi) as
    { content?: Record<string, unknown> } | undefined
  if (content === undefined && ANYWHERE.includes(status)) {
    return checkBody(['components', 'schemas', 'Problem'], body, `${method} ${path} ${status}`)
  }
  if (content !== undefined && content.content === undefined && body === '') return
  if (content?.content?.[mediaType] === undefined) {
    throw new Error(`${method} ${template} ${status} ${mediaType} is not described in openapi.yaml: ${body.slice(0, 300)}`)
  }
  if (mediaType.endsWith('json')) checkBody([...at, 'content', mediaType, 'schema'], body, `${method} ${template} ${status}`)
}

function checkBody (at: string[], body: string, label: string): void {
  const validate = validator(...at)
  if (!validate(JSON.parse(body))) {
    throw new Error(`${label} is not what openapi.yaml says: ${ajv.errorsText(validate.errors)}\n${body.slice(0, 500)}`)
  }
}
