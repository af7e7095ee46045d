import { describe, expect, it } from 'vitest'
import { buildApp } from '../../src/http/app.ts'
import { readConfig } from '../../src/config.ts'
import { errors } from '../../src/errors.ts'
import { MAX_PAGE, MAX_QUERY } from '../../src/http/routes/entities.ts'
import { MAX_BOXES, MAX_RERANK_K, MAX_TOP_K } from '../../src/http/upload/link-options.ts'
import { createLogger } from '../../src/log.ts'
import { createFakeLinker } from '../helpers/fake-linker.ts'
import { openapi, validator } from '../helpers/openapi.ts'

/** `GET /entities/{id}` for every route of the app, without those of the page behind /docs and the HEAD twins. */
async function routesOfApp (): Promise<string[]> {
  const config = readConfig({ LOG_LEVEL: 'silent' })
  const app = await buildApp(config, createFakeLinker(), await createLogger(config))
  await app.ready()
  const lines = app.printRoutes({ commonPrefix: false }).split('\n')
  await app.close()
  return readTree(lines).filter(route => !route.startsWith('HEAD ') && !/^\w+ \/docs./.test(route))
}

/** Fastify prints a tree: four characters a level, then the part of the path and its methods. */
function readTree (lines: string[]): string[] {
  const parents: string[] = []
  return lines.filter(line => line.trim() !== '').flatMap(line => {
    const [, indent, part, methods] = /^([\s│├└─]*)(\S*)(?: \(([A-Z, ]+)\))?/u.exec(line)!
    const depth = indent!.length / 4 - 1
    parents.splice(depth, Infinity, part!)
    const path = parents.join('').replace(/:(\w+)/g, '{$1}').replace(/(.)\/$/, '$1')
    return methods === undefined ? [] : methods.split(', ').map(method => `${method} ${path}`)
  })
}

const callerCodes = Object.values(errors).map(define => {
  const { code, statusCode } = define('any')
  return { code, status: statusCode! }
}).filter(({ code, status }) => (status !== 500 && status !== 499) || code === 'VEL_ERR_INTERNAL')

describe('openapi.yaml', () => {
  it('describes every route, and no other', async () => {
    const described = Object.entries(openapi.paths)
      .flatMap(([path, item]) => Object.keys(item).map(method => `${method.toUpperCase()} ${path}`))
    expect([...new Set(await routesOfApp())].sort()).toEqual(described.sort())
  })

  it('lists every error code that a caller can meet with its status, and no other', () => {
    const { enum: codes, description } = openapi.components.schemas['ErrorCode']!
    expect([...codes!].sort()).toEqual(callerCodes.map(({ code }) => code).sort())
    const rows = [...description!.matchAll(/^\| (VEL_ERR_\w+) \| (\d+) \|/gm)].map(([, code, status]) => ({ code, status: Number(status) }))
    expect(rows.sort((a, b) => a.code!.localeCompare(b.code!))).toEqual([...callerCodes].sort((a, b) => a.code.localeCompare(b.code)))
  })

  it('describes every status of the error table for POST /link, which can meet them all', () => {
    const described = Object.keys(openapi.paths['/link']!['post']!.responses).map(Number)
    const missing = [...new Set(callerCodes.map(({ status }) => status))].filter(status => !described.includes(status))
    expect(missing).toEqual([404, 405, 417, 409])
  })

  it('states the same limits as the option parser', () => {
    const schemas = openapi.components.schemas as Record<string, { maximum?: number, maxItems?: number }>
    interface Limited { parameters: Array<{ schema: { maximum?: number, maxLength?: number } }> }
    const { parameters } = openapi.paths['/entities']!['get'] as unknown as Limited
    expect([parameters[0]!.schema.maxLength, parameters[1]!.schema.maximum]).toEqual([MAX_QUERY, MAX_PAGE])
    const limits = [schemas['TopK']!.maximum, schemas['RerankK']!.maximum, schemas['Boxes']!.maxItems]
    expect(limits).toEqual([MAX_TOP_K, MAX_RERANK_K, MAX_BOXES])
  })

  it('has examples that are what their schemas say', () => {
    for (const name of Object.keys(openapi.components.examples)) {
      expect(validator('components', 'schemas', 'LinkReply')(openapi.components.examples[name]!.value), name).toBe(true)
    }
    for (const [name, { content }] of Object.entries(openapi.components.responses)) {
      const { example } = content['application/problem+json'] as { example: unknown }
      expect(validator('components', 'schemas', 'Problem')(example), name).toBe(true)
    }
  })
})
