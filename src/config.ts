// All settings: environment name, type, default, unit, effect. Read and validated at boot, before anything else.
import { createHash } from 'node:crypto'
import { availableParallelism } from 'node:os'
import ipaddr from 'ipaddr.js'
import { z } from 'zod'
import { errors } from './errors.ts'

export interface ApiKey {
  readonly name: string
  /** SHA-256 of the secret; the secret itself is not kept. */
  readonly sha256: Buffer
  readonly scopes: readonly Scope[]
}

export const SCOPES = ['link', 'kb:write'] as const

export type Scope = typeof SCOPES[number]

interface Setting<T> {
  readonly env: string
  /** Parses the variable's text. */
  readonly schema: z.ZodType<T, string>
  /** As written in the environment; empty means none. */
  readonly default: string
  /** The default in words, where it depends on the machine. */
  readonly defaultNote?: string
  /** The default where CUDA is the preferred provider, if different. */
  readonly defaultOnCuda?: string
  readonly unit: string
  readonly effect: string
}

const setting = <T>(
  env: string,
  schema: z.ZodType<T, string>,
  byDefault: string,
  unit: string,
  effect: string,
  more: Pick<Setting<T>, 'defaultNote' | 'defaultOnCuda'> = {}
): Setting<T> => ({ env, schema, default: byDefault, unit, effect, ...more })

const whole = (min: number, max: number): z.ZodType<number, string> =>
  z.string()
    .refine(text => /^\d{1,15}$/.test(text) && Number(text) >= min && Number(text) <= max, `expected a whole number from ${min} to ${max}`)
    .transform(Number)

const text = z.string().min(1, 'expected a text that is not empty')

const list = (item: z.ZodType<string, string>): z.ZodType<string[], string> =>
  z.string().transform(value => value.split(',').map(part => part.trim()).filter(part => part !== '')).pipe(z.array(item))

const providers = list(z.enum(['cpu', 'cuda'], 'expected cpu, cuda, or cuda,cpu'))
  .refine(names => names.length > 0 && new Set(names).size === names.length, 'expected each provider once, at least one')

const redisUrl = z.string()
  .refine(
    value => value === '' || (URL.canParse(value) && /^rediss?:$/.test(new URL(value).protocol)),
    'expected redis://… or rediss://…'
  )
  .transform(value => value === '' ? null : value)

const host = z.string()
  .regex(/^(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i, 'expected host names such as images.example.org or *.example.org')
  .transform(name => name.toLowerCase())

const isAddress = (part: string): boolean =>
  part.includes('/') ? ipaddr.isValidCIDR(part) : ipaddr.IPv6.isValid(part) || ipaddr.IPv4.isValidFourPartDecimal(part)

const trustProxy = z.string()
  .transform(value => {
    if (value === 'off') return false
    return /^\d{1,2}$/.test(value) ? Number(value) : value.split(',').map(part => part.trim())
  })
  .refine(
    value => !Array.isArray(value) || value.every(isAddress),
    'expected off, a number of proxies below 100, or addresses and networks such as 10.0.0.0/8'
  )

const apiKey = z.string().regex(
  /^[\w.-]{1,64}:[\w.~+/=-]{16,256}(:(link|kb:write)(\+(link|kb:write))*)?$/,
  'expected NAME:SECRET or NAME:SECRET:SCOPE+SCOPE, with a secret of 16 to 256 letters, digits or ._~+/=- ' +
    `and scopes ${SCOPES.join(', ')}`
)

const apiKeys = list(apiKey).transform(keys => keys.map(parseApiKey))
  .refine(keys => new Set(keys.map(key => key.name)).size === keys.length, 'expected each name once')

function parseApiKey (key: string): ApiKey {
  const [name, secret, ...scopes] = key.split(':')
  const sha256 = createHash('sha256').update(secret!).digest()
  return { name: name!, sha256, scopes: scopes.length === 0 ? ['link'] : scopes.join(':').split('+') as Scope[] }
}

const onOff = z.enum(['on', 'off'], 'expected on or off').transform(value => value === 'on')

const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
const logLevel = z.enum(LEVELS, 'expected fatal, error, warn, info, debug, trace or silent')

/** In the order of the README's table. */
export const SETTINGS = {
  host: setting('HOST', text, '::', '',
    'Address to listen on: `::` is every address of IPv6 and IPv4, or of IPv4 alone where the system has no IPv6; `127.0.0.1` ' +
      'serves this machine only.'),
  port: setting('PORT', whole(0, 65_535), '8080', '', 'Port to listen on; 0 takes a free one.'),
  modelsDir: setting('MODELS_DIR', text, 'models', 'path', 'Folder that the files of model packs lie in.'),
  modelPack: setting('MODEL_PACK', text, 'embedded', '', 'Model pack to serve; `vel models list` names them.'),
  indexDir: setting('INDEX_DIR', text, 'index/starter', 'path', 'Folder of the index to link to, built by `vel kb build`.'),
  executionProviders: setting('EXECUTION_PROVIDERS', providers, 'cpu', '',
    'Where models run, in order of preference: `cpu`, `cuda` (fails at boot where it cannot be had), or `cuda,cpu` (falls back ' +
      'with a warning).'),
  workers: setting('WORKERS', whole(1, 256), String(availableParallelism()), 'processes',
    'Inference workers; each holds its own copy of the models. With CUDA one for each device: worker n computes on device ' +
      'n.', { defaultNote: 'number of CPU cores; 1 with CUDA', defaultOnCuda: '1' }),
  threads: setting('THREADS', whole(1, 256), '1', 'threads',
    'Threads that one worker uses inside a model: more shortens one image, fewer serve more images at once.'),
  searchThreads: setting('SEARCH_THREADS', whole(1, 256), '2', 'threads',
    'Threads that search a large index (from some 12,000 faces on), beside the workers; each holds the graph of an index that is ' +
      'searched by HNSW.'),
  maxQueue: setting('MAX_QUEUE', whole(0, 100_000), '32', 'images',
    'Images that may wait for a worker; one more is refused at once with 503.'),
  linkTimeoutMs: setting('LINK_TIMEOUT_MS', whole(1, 3_600_000), '10000', 'ms',
    'Time for one image from its last byte to the reply, waiting included; then 504.'),
  uploadTimeoutMs: setting('UPLOAD_TIMEOUT_MS', whole(1, 3_600_000), '30000', 'ms',
    'Time for one request to arrive, or for the image behind a URL; then 408 or 422.'),
  drainMs: setting('DRAIN_MS', whole(0, 60_000), '2000', 'ms',
    'Time after SIGTERM in which requests are still served while `/health/ready` is 503, so that a load balancer takes the service ' +
      'out first: longer than its checks take. Then the port is closed. 0 closes it at once.'),
  shutdownMs: setting('SHUTDOWN_MS', whole(0, 3_600_000), '10000', 'ms',
    'Time that requests in flight get to finish once the port is closed; an upload that is incomplete then is 503.'),
  maxImageBytes: setting('MAX_IMAGE_BYTES', whole(1, 2 ** 30), String(20 * 2 ** 20), 'bytes', 'Largest image file accepted; more is 413.'),
  maxUploadsBytes: setting('MAX_UPLOADS_BYTES', whole(1, 2 ** 40), String(2 ** 28), 'bytes',
    'Bytes of request bodies held at once, from their arrival to the reply; one more is refused with 503. One upload alone always ' +
      'passes.'),
  maxImagePixels: setting('MAX_IMAGE_PIXELS', whole(1, 1e10), '100000000', 'px',
    'Largest picture accepted, width times height, checked before pixels are decoded; more is 413.'),
  maxDecodeBytes: setting('MAX_DECODE_BYTES', whole(1, 2 ** 40), String(2 ** 29), 'bytes',
    'Most memory for decoding one picture of a format that is decoded as a whole (AVIF, GIF, WebP, progressive JPEG, interlaced ' +
      'PNG), estimated from its header; more is 413.'),
  workingPixels: setting('WORKING_PIXELS', whole(10_000, 1e10), '16000000', 'px',
    'Larger pictures are decoded at a reduced size of about this many pixels.'),
  maxFaces: setting('MAX_FACES', whole(1, 10_000), '100', 'faces',
    'Faces linked per image, the largest first; `facesFound` in the reply tells how many there were.'),
  minFacePx: setting('MIN_FACE_PX', whole(1, 10_000), '10', 'px', 'Faces with a shorter short side are left out.'),
  searchFacePx: setting('SEARCH_FACE_PX', whole(8, 10_000), '24', 'px',
    'Large pictures are searched in tiles down to faces of this short side; smaller finds more and takes longer.'),
  apiKeys: setting('API_KEYS', apiKeys, '', '',
    'Keys that callers must send: `NAME:SECRET` or `NAME:SECRET:link+kb:write`, comma-separated. Without keys everyone may link ' +
      'and nobody may write.', { defaultNote: 'none' }),
  rateLimitPerMinute: setting('RATE_LIMIT_PER_MINUTE', whole(0, 1e9), '0', 'requests',
    'Requests a minute for each key, or each address where there are no keys; more is 429. 0 is no limit.'),
  trustProxy: setting('TRUST_PROXY', trustProxy, 'off', '',
    'Proxies whose `X-Forwarded-For` is believed: `off`, how many there are, or their addresses.'),
  allowedUrlHosts: setting('ALLOWED_URL_HOSTS', list(host), '', '',
    'Hosts that images may be fetched from, such as `images.example.org,*.example.net`; empty keeps fetching by URL ' +
      'off.', { defaultNote: 'none' }),
  redisUrl: setting('REDIS_URL', redisUrl, '', '',
    'Redis for results and changes shared between replicas, such as `redis://cache:6379`.', { defaultNote: 'none' }),
  eraseAfterS: setting('ERASE_AFTER_S', whole(1, 2_000_000), '3600', 's',
    'Time from a deletion to the compaction that takes what was deleted off the disk; many deletions in that time cost one ' +
      'compaction.'),
  auditLog: setting('AUDIT_LOG', onOff, 'off', '',
    '`on` writes an audit line to the log for each request to `/link` and each one that changes the knowledge base, at every ' +
      '`LOG_LEVEL`: request id, name of the key, hash of the image, index version, decisions by id; see *Audit log*.'),
  logLevel: setting('LOG_LEVEL', logLevel, 'info', '', 'Least severe log lines that are written.')
} as const

type Settings = typeof SETTINGS

export type Config = { readonly [K in keyof Settings]: Settings[K] extends Setting<infer T> ? T : never }

/**
 * The configuration in `env`. A variable that is unset or empty takes its default; unknown variables are ignored.
 *
 * @throws VEL_ERR_CONFIG with all problems in one message.
 */
export function readConfig (env: Readonly<Record<string, string | undefined>>): Config {
  const problems: string[] = []
  const onCuda = env[SETTINGS.executionProviders.env]?.trim().startsWith('cuda') === true
  const entries = Object.entries(SETTINGS as Record<string, Setting<unknown>>).map(([key, setting]) => {
    const { env: name, schema, default: byDefault, defaultOnCuda } = setting
    const given = env[name]?.trim()
    const parsed = schema.safeParse(given === undefined || given === '' ? (onCuda ? defaultOnCuda : undefined) ?? byDefault : given)
    if (!parsed.success) {
      // NOTE: the value itself may be a secret.
      const received = name === 'API_KEYS' || name === 'REDIS_URL' ? 'another form (not shown)' : JSON.stringify(given)
      problems.push(`  ${name}: ${parsed.error.issues[0]!.message}, received ${received}`)
    }
    return [key, parsed.data]
  })
  if (problems.length > 0) throw errors.config(problems.join('\n'))
  return Object.freeze(Object.fromEntries(entries)) as Config
}

/** The effective configuration without secrets, for the log. */
export function redactConfig (config: Config): Record<string, unknown> {
  return {
    ...config,
    apiKeys: config.apiKeys.map(key => `${key.name} (${key.scopes.join(', ')})`),
    redisUrl: config.redisUrl === null ? null : withoutPassword(config.redisUrl)
  }
}

function withoutPassword (address: string): string {
  const url = new URL(address)
  if (url.password !== '') url.password = '***'
  url.search = ''
  return url.href
}
