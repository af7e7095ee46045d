import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { describe, expect, it } from 'vitest'
import { readConfig, SETTINGS, redactConfig } from '../src/config.ts'
import { configTable, envExample } from './contract/write-docs.ts'

const SECRET = 'a-secret-of-some-length'

describe('readConfig', () => {
  it('takes every default from an empty environment, and is frozen', () => {
    const config = readConfig({})
    expect(config).toMatchObject({
      port: 8080,
      modelPack: 'embedded',
      indexDir: 'index/starter',
      executionProviders: ['cpu'],
      workers: availableParallelism(),
      apiKeys: [],
      redisUrl: null,
      trustProxy: false
    })
    expect(Object.isFrozen(config)).toBe(true)
  })

  it('takes empty and blank variables as unset and ignores unknown ones', () => {
    expect(readConfig({ PORT: '', WORKERS: '  ', PATH: '/bin', VEL_UNKNOWN: '1' })).toEqual(readConfig({}))
  })

  it('reads what is set', () => {
    const config = readConfig({
      PORT: '0',
      EXECUTION_PROVIDERS: 'cuda, cpu',
      ALLOWED_URL_HOSTS: 'A.example.org,*.b.example',
      REDIS_URL: 'rediss://u:p@h:1/2',
      TRUST_PROXY: '10.0.0.0/8, ::1'
    })
    expect(config).toMatchObject({
      port: 0,
      executionProviders: ['cuda', 'cpu'],
      allowedUrlHosts: ['a.example.org', '*.b.example'],
      redisUrl: 'rediss://u:p@h:1/2',
      trustProxy: ['10.0.0.0/8', '::1']
    })
    expect(readConfig({ TRUST_PROXY: '2' }).trustProxy).toBe(2)
    expect(readConfig({ EXECUTION_PROVIDERS: 'cuda,cpu' }).workers).toBe(1)
    expect(readConfig({ EXECUTION_PROVIDERS: 'cuda', WORKERS: '3' }).workers).toBe(3)
  })

  it('reads keys with their scopes and keeps no secret', () => {
    const { apiKeys } = readConfig({ API_KEYS: `desk:${SECRET},wire:${SECRET}2:link+kb:write, kb:${SECRET}3:kb:write` })
    expect(apiKeys.map(({ name, scopes }) => [name, scopes])).toEqual([
      ['desk', ['link']],
      ['wire', ['link', 'kb:write']],
      ['kb', ['kb:write']]
    ])
    expect(JSON.stringify(apiKeys)).not.toContain(SECRET)
  })

  it('reports all problems in one message, and no secret', () => {
    const env = {
      PORT: '99999',
      WORKERS: '0',
      LOG_LEVEL: 'loud',
      EXECUTION_PROVIDERS: 'gpu',
      MAX_IMAGE_BYTES: '20MB',
      API_KEYS: `desk:${SECRET}:admin`,
      REDIS_URL: `http://:${SECRET}@h`
    }
    const read = (): unknown => readConfig(env)
    expect(read).toThrow(expect.objectContaining({ code: 'VEL_ERR_CONFIG' }))
    for (const name of Object.keys(env)) expect(read).toThrow(`${name}: expected`)
    expect(read).not.toThrow(SECRET)
  })

  it.each([
    ['PORT', '80a'],
    ['PORT', '-1'],
    ['PORT', '1e3'],
    ['PORT', '0x50'],
    ['LINK_TIMEOUT_MS', '0'],
    ['MAX_IMAGE_PIXELS', '1e999'],
    ['EXECUTION_PROVIDERS', 'cpu,cpu'],
    ['EXECUTION_PROVIDERS', ','],
    ['API_KEYS', 'short:key'],
    ['API_KEYS', `a:${SECRET},a:${SECRET}`],
    ['API_KEYS', SECRET],
    ['ALLOWED_URL_HOSTS', 'http://a.example'],
    ['ALLOWED_URL_HOSTS', '*'],
    ['TRUST_PROXY', 'yes'],
    ['TRUST_PROXY', 'abc'],
    ['TRUST_PROXY', '100'],
    ['TRUST_PROXY', '10.0.0.0/99'],
    ['REDIS_URL', 'cache:6379'],
    ['REDIS_URL', 'redis']
  ])('refuses %s=%s', (name, value) => {
    expect(() => readConfig({ [name]: value })).toThrow(`${name}: expected`)
  })
})

describe('what people read of it', () => {
  it('shows neither keys nor passwords at boot', () => {
    const shown = JSON.stringify(
      redactConfig(readConfig({ API_KEYS: `desk:${SECRET}`, REDIS_URL: `redis://:${SECRET}@cache:6379?password=${SECRET}` }))
    )
    expect(shown).not.toContain(SECRET)
    expect(shown).toContain('desk (link)')
    expect(shown).toContain('cache:6379')
  })

  it('.env.example is what the settings say; write it with envExample()', () => {
    expect(readFileSync(new URL('../.env.example', import.meta.url), 'utf8')).toBe(envExample())
  })

  it('has each variable once in the table, and each name once', () => {
    const names = Object.values(SETTINGS).map(s => s.env)
    expect(new Set(names).size).toBe(names.length)
    for (const name of names) expect(configTable().split(`\n| \`${name}\` |`)).toHaveLength(2)
  })
})
