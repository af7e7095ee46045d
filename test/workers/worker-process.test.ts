// What a real worker process takes from its surroundings: signals and environment.
import { readFile } from 'node:fs/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createEngine, type Engine } from '../../src/workers/engine.ts'
import { embeddedOptions, hasEmbedded, isAlive, noiseJpeg } from '../helpers/engine.ts'

const SECRET = 'a-secret-of-some-length'

let engine: Engine | undefined
afterEach(async () => {
  vi.unstubAllEnvs()
  await engine?.close()
  engine = undefined
})

async function start (): Promise<{ engine: Engine, pid: number }> {
  engine = await createEngine({ ...await embeddedOptions(), workers: 1 })
  return { engine, pid: engine.stats().pids[0]! }
}

describe.skipIf(!hasEmbedded || process.platform === 'win32')('a worker process', () => {
  it('G8: ignores the signals that the service handles, which a process group receives as a whole', async () => {
    const { engine, pid } = await start()
    for (const signal of ['SIGHUP', 'SIGUSR2', 'SIGQUIT', 'SIGINT', 'SIGTERM'] as const) {
      process.kill(pid, signal)
      expect(await engine.encode(await noiseJpeg()), signal).toMatchObject({ width: 320 })
    }
    expect(isAlive(pid)).toBe(true)
    expect(engine.stats()).toMatchObject({ workers: 1, restarts: 0, pids: [pid] })
  })

  it.skipIf(process.platform !== 'linux')('G11: inherits what libraries read, and no secret', async () => {
    vi.stubEnv('API_KEYS', `desk:${SECRET}`)
    vi.stubEnv('REDIS_URL', `redis://:${SECRET}@cache:6379`)
    vi.stubEnv('NODE_AUTH_TOKEN', SECRET)
    vi.stubEnv('VEL_OF_THE_OPERATOR', SECRET)
    vi.stubEnv('CUDA_VISIBLE_DEVICES', '0')
    const { pid } = await start()
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8')
    expect(environment).not.toContain(SECRET)
    const names = environment.split('\0').map(variable => variable.split('=')[0])
    expect(names).toEqual(expect.arrayContaining(['PATH', 'HOME', 'ORT_DISABLE_TELEMETRY', 'CUDA_VISIBLE_DEVICES']))
  })
})
