// What a real worker process takes from its surroundings.
import { afterEach, describe, expect, it } from 'vitest'
import { createEngine, type Engine } from '../../src/workers/engine.ts'
import { embeddedOptions, hasEmbedded, isAlive, noiseJpeg } from '../helpers/engine.ts'

let engine: Engine | undefined
afterEach(async () => {
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
})
