// The queue, the supervisor and the messages, with real processes that compute nothing.
import { fork, type ChildProcess } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, onTestFinished } from 'vitest'
import { createEngine, type Engine, type EngineOptions } from '../../src/workers/engine.ts'
import { embeddedOptions, isAlive, until } from '../helpers/engine.ts'

const fixture = (name: string) => (): ChildProcess =>
  fork(fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url)), { serialization: 'advanced', execArgv: [] })
const image = (todo: object): Buffer => Buffer.from(JSON.stringify(todo))
const code = async (promise: Promise<unknown>): Promise<unknown> =>
  await promise.then(() => 'no error', (error: { code?: string }) => error.code ?? error)

let engine: Engine | undefined
afterEach(async () => {
  await engine?.close()
  engine = undefined
})

async function start (options: Partial<EngineOptions> = {}): Promise<Engine> {
  engine = await createEngine({ ...await embeddedOptions(), workers: 1, maxQueue: 2, fork: fixture('worker.mjs'), ...options })
  return engine
}

describe('the queue', () => {
  it('refuses an image past its limit at once, with the seconds to wait', async () => {
    const { encode, stats } = await start({ maxQueue: 2 })
    const inside = [1, 2, 3].map(async () => await encode(image({ ms: 300 })))
    const refused = await encode(image({})).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'VEL_ERR_OVERLOADED', statusCode: 503, retryAfterS: 1 })
    // At once: no earlier image is done.
    expect(stats()).toMatchObject({ busy: 1, queued: 2 })
    expect((await Promise.all(inside)).map(i => i.width)).toEqual([1, 2, 3])
    expect((await encode(image({}))).width).toBe(4)
  })

  it('accepts only images that can run if none may wait', async () => {
    const { encode } = await start({ maxQueue: 0, workers: 2 })
    const inside = [1, 2].map(async () => await encode(image({ ms: 200 })))
    expect(await code(encode(image({})))).toBe('VEL_ERR_OVERLOADED')
    expect(new Set((await Promise.all(inside)).map(i => i.height)).size).toBe(2)
  })

  it('fills each worker up to its limit', async () => {
    const { encode, stats } = await start({ concurrencyPerWorker: 3, maxQueue: 1 })
    const inside = [1, 2, 3, 4].map(async () => await encode(image({ ms: 200 })))
    expect(stats()).toMatchObject({ busy: 3, queued: 1 })
    expect(await code(encode(image({})))).toBe('VEL_ERR_OVERLOADED')
    await Promise.all(inside)
  })

  it('drops a waiting image whose request was aborted: no worker sees it', async () => {
    const { encode, stats } = await start()
    const first = encode(image({ ms: 300 }))
    const abort = new AbortController()
    const dropped = encode(image({}), {}, abort.signal)
    const third = encode(image({}))
    abort.abort(new Error('deadline'))
    await expect(dropped).rejects.toThrow('deadline')
    expect(stats()).toMatchObject({ busy: 1, queued: 1 })
    await first
    expect((await third).width).toBe(2)
  })

  it('frees the slot of an aborted running image when the worker is done, not before', async () => {
    const { encode, stats } = await start({ maxQueue: 0 })
    const abort = new AbortController()
    const running = encode(image({ ms: 300 }), {}, abort.signal)
    abort.abort(new Error('hung up'))
    await expect(running).rejects.toThrow('hung up')
    expect(stats().busy).toBe(1)
    expect(await code(encode(image({})))).toBe('VEL_ERR_OVERLOADED')
    await until(() => stats().busy === 0, 'the worker to finish')
    expect((await encode(image({}))).width).toBe(2)
    expect(stats().restarts).toBe(0)
  })

  it('does not start for a signal that is aborted already', async () => {
    const { encode } = await start()
    await expect(encode(image({}), {}, AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone')
    expect((await encode(image({}))).width).toBe(1)
  })

  it('leaves no listener on a signal that lives on', async () => {
    const { encode } = await start()
    const { signal } = new AbortController()
    let listeners = 0
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<typeof add>) => { listeners++; add(...args) }
    signal.removeEventListener = (...args: Parameters<typeof remove>) => { listeners--; remove(...args) }
    await encode(image({}), {}, signal)
    expect(listeners).toBe(0)
  })
})

describe('a worker that dies', () => {
  it.each(['SIGKILL', 'SIGSEGV', 'SIGABRT'])('by %s fails its image and no other, and is replaced', async signal => {
    const { encode, stats } = await start({ workers: 2, maxQueue: 4 })
    const others = [encode(image({ ms: 400 }))]
    const killed = encode(image({ signal }))
    others.push(encode(image({ ms: 10 })), encode(image({ ms: 10 })))
    await expect(killed).rejects.toMatchObject({ code: 'VEL_ERR_WORKER_DIED', statusCode: 503, message: expect.stringContaining(signal) })
    await Promise.all(others)
    await until(() => stats().workers === 2, 'two workers again')
    expect(stats()).toMatchObject({ busy: 0, queued: 0, restarts: 1 })
  })

  it('by its own exit is replaced, also while idle', async () => {
    const { encode, stats } = await start()
    expect(await code(encode(image({ exit: 3 })))).toBe('VEL_ERR_WORKER_DIED')
    await until(() => stats().workers === 1, 'a worker again')
    process.kill(stats().pids[0]!, 'SIGKILL')
    await until(() => stats().restarts === 2 && stats().workers === 1, 'a worker again')
    expect((await encode(image({}))).width).toBe(1)
  })

  it('again and again at work is replaced each time: a deadly picture does not end the service', async () => {
    const { encode, stats } = await start()
    for (let i = 0; i < 6; i++) expect(await code(encode(image({ signal: 'SIGKILL' })))).toBe('VEL_ERR_WORKER_DIED')
    expect((await encode(image({}))).width).toBe(1)
    expect(stats().restarts).toBe(6)
  })

  it('fails all its images', async () => {
    const { encode } = await start({ concurrencyPerWorker: 2 })
    const both = [code(encode(image({ ms: 5000 }))), code(encode(image({ signal: 'SIGKILL' })))]
    expect(await Promise.all(both)).toEqual(['VEL_ERR_WORKER_DIED', 'VEL_ERR_WORKER_DIED'])
  })

  it('after a hang frees its slot', async () => {
    const { encode } = await start({ hangMs: 300 })
    const abort = new AbortController()
    const hung = encode(image({ hang: true }), {}, abort.signal)
    abort.abort(new Error('deadline'))
    await expect(hung).rejects.toThrow('deadline')
    expect((await encode(image({}))).width).toBe(1)
  })

  it('B3: is replaced soon after the deadline where it still computes the image, long before it counts as hung', async () => {
    const { encode, stats } = await start({ abandonedMs: 200 })
    const abort = new AbortController()
    const hung = encode(image({ hang: true }), {}, abort.signal)
    abort.abort(new Error('deadline'))
    await expect(hung).rejects.toThrow('deadline')
    const before = performance.now()
    expect((await encode(image({}))).width).toBe(1)
    expect(performance.now() - before).toBeLessThan(4000)
    expect(stats()).toMatchObject({ busy: 0, restarts: 1 })
  })

  it('B3: is replaced only when no other request waits for it', async () => {
    const { encode, stats } = await start({ abandonedMs: 100, concurrencyPerWorker: 2 })
    const abort = new AbortController()
    const abandoned = code(encode(image({ ms: 60_000 }), {}, abort.signal))
    const other = encode(image({ ms: 600 }))
    abort.abort(Object.assign(new Error('deadline'), { code: 'deadline' }))
    expect(await abandoned).toBe('deadline')
    expect((await other).width).toBe(2)
    await until(() => stats().restarts === 1 && stats().workers === 1, 'another worker')
    expect((await encode(image({}))).width).toBe(1)
  })

  it('at three starts in a row makes the engine give up with one clear sentence', async () => {
    await expect(start({ fork: fixture('dies.mjs') })).rejects.toMatchObject({
      code: 'VEL_ERR_WORKERS',
      message: expect.stringMatching(/3 starts in a row failed; the last: .*SIGSEGV.*vel models verify/)
    })
  })

  it('G5: that cannot start again leaves the service to the others, and is tried again and again', async () => {
    let deadly = false
    const { encode, stats } = await start({ workers: 2, fork: () => fixture(deadly ? 'dies.mjs' : 'worker.mjs')() })
    const [survivor, victim] = stats().pids
    deadly = true
    process.kill(victim!, 'SIGKILL')
    await until(() => stats().restarts >= 5, 'four failed starts')
    expect(stats()).toMatchObject({ workers: 1 })
    expect((await encode(image({}))).height).toBe(survivor)
    deadly = false
    await until(() => stats().workers === 2, 'two workers again')
  })

  it('G5: is replaced each time, where each new worker of one place is killed six times', async () => {
    const { encode, stats } = await start({ workers: 2 })
    const survivor = stats().pids[0]!
    for (let i = 1; i <= 6; i++) {
      process.kill(stats().pids.find(pid => pid !== survivor)!, 'SIGKILL')
      await until(() => stats().restarts === i && stats().pids.length === 2, 'the next worker')
    }
    await until(() => stats().workers === 2, 'two workers again')
    expect(stats().pids).toContain(survivor)
    expect((await encode(image({}))).width).toBe(1)
  })

  it.each([
    ['die', 'dies.mjs', /no worker can be started \(it was ended by SIGSEGV\)/],
    ['report why', 'fails.mjs', /no worker can be started \(it could not start: the weights are on a disk that went away\)/]
  ])('G5: refuses images at once where all new workers %s, and serves again when one starts', async (_name, program, sentence) => {
    let broken = false
    const { encode, stats } = await start({ fork: () => fixture(broken ? program : 'worker.mjs')() })
    broken = true
    const killed = code(encode(image({ signal: 'SIGKILL' })))
    const waiting = code(encode(image({})))
    expect(await Promise.all([killed, waiting])).toEqual(['VEL_ERR_WORKER_DIED', 'VEL_ERR_NOT_READY'])
    await expect(encode(image({}))).rejects.toMatchObject({ statusCode: 503, retryAfterS: 10, message: expect.stringMatching(sentence) })
    expect(stats()).toMatchObject({ workers: 0, busy: 0, queued: 0 })
    broken = false
    await until(() => stats().workers === 1, 'a worker again')
    expect((await encode(image({}))).width).toBe(1)
  })

  it('G5: does not delay the end of the engine while it waits for its next start', async () => {
    let broken = false
    const { close, stats } = await start({ fork: () => fixture(broken ? 'dies.mjs' : 'worker.mjs')() })
    broken = true
    process.kill(stats().pids[0]!, 'SIGKILL')
    await until(() => stats().restarts >= 4, 'failed starts')
    const before = performance.now()
    await close()
    expect(performance.now() - before).toBeLessThan(500)
  })

  it('is replaced even if its first replacement cannot start', async () => {
    const programs = ['worker.mjs', 'fails.mjs', 'dies.mjs']
    const { encode, stats } = await start({ fork: () => fixture(programs.shift() ?? 'worker.mjs')() })
    const killed = code(encode(image({ signal: 'SIGKILL' })))
    expect((await encode(image({}))).width).toBe(1)
    expect(await killed).toBe('VEL_ERR_WORKER_DIED')
    expect(stats()).toMatchObject({ workers: 1, restarts: 3 })
  })

  it('is replaced even if the system first has no process to give', async () => {
    let forks = 0
    const { encode, stats } = await start({
      fork: () => {
        if (++forks === 2) throw new Error('spawn ENOMEM')
        return fixture('worker.mjs')()
      }
    })
    expect(await code(encode(image({ signal: 'SIGKILL' })))).toBe('VEL_ERR_WORKER_DIED')
    expect((await encode(image({}))).width).toBe(1)
    expect(stats()).toMatchObject({ workers: 1, restarts: 2 })
  })

  it('before it has a process, three times in a row, makes the engine give up', async () => {
    await expect(start({ fork: () => { throw new Error('spawn ENOMEM') } })).rejects.toMatchObject({
      code: 'VEL_ERR_WORKERS',
      message: expect.stringMatching(/3 starts in a row failed; the last: .*spawn ENOMEM/)
    })
  })

  it('leaves no process behind where the engine gives up at once', async () => {
    const children: ChildProcess[] = []
    const programs = ['fails.mjs', 'silent.mjs']
    const forks = (): ChildProcess => {
      const child = fixture(programs.shift() ?? 'worker.mjs')()
      children.push(child)
      return child
    }
    await expect(start({ workers: 2, fork: forks })).rejects.toMatchObject({
      code: 'VEL_ERR_WEIGHTS',
      message: 'the weights are on a disk that went away'
    })
    expect(children).toHaveLength(2)
    await until(() => children.every(child => !isAlive(child.pid!)), 'both processes to end')
  })

  it('because it was never ready is reported so', async () => {
    await expect(start({ fork: fixture('silent.mjs'), startMs: 200 })).rejects.toThrow(/not ready after 200 ms/)
  })
})

describe('a worker that is silent', () => {
  it('G7: because it was stopped is killed within seconds and replaced, also if no worker is left', async () => {
    const { encode, stats } = await start({ workers: 2 })
    const { pids } = stats()
    for (const pid of pids) process.kill(pid, 'SIGSTOP')
    const before = performance.now()
    const images = [1, 2].map(async () => await code(encode(image({}))))
    const waiting = encode(image({}))
    expect(await Promise.all(images)).toEqual(['VEL_ERR_WORKER_DIED', 'VEL_ERR_WORKER_DIED'])
    expect((await waiting).width).toBe(1)
    expect(performance.now() - before).toBeLessThan(8000)
    await until(() => stats().workers === 2, 'two workers again')
    expect(stats().restarts).toBe(2)
    expect(pids.filter(isAlive)).toEqual([])
  })

  it('G7: because its event loop hangs is killed, also where no request has a deadline', async () => {
    const { encode } = await start({ silentMs: 1000 })
    const hung = encode(image({ hang: true }))
    await expect(hung).rejects.toMatchObject({
      code: 'VEL_ERR_WORKER_DIED',
      message: expect.stringContaining('nothing was heard from it for 1000 ms')
    })
    expect((await encode(image({}))).width).toBe(1)
  })

  it('G7: for a shorter time than the limit is left alone', async () => {
    const { encode, stats } = await start()
    expect((await encode(image({ blockMs: 3000 }))).width).toBe(1)
    process.kill(stats().pids[0]!, 'SIGSTOP')
    await delay(3000)
    process.kill(stats().pids[0]!, 'SIGCONT')
    expect((await encode(image({}))).width).toBe(2)
    expect(stats().restarts).toBe(0)
  })

  it.skipIf(process.platform !== 'linux')('G7: is left alone while it gets only a fraction of a processor', async () => {
    const { encode, stats } = await start()
    const { pids } = stats()
    const before = performance.now()
    const encoded = encode(image({ computeMs: 3500 }))
    const slowed = setInterval(() => {
      process.kill(pids[0]!, 'SIGSTOP')
      setTimeout(() => { process.kill(pids[0]!, 'SIGCONT') }, 300)
    }, 500)
    onTestFinished(() => { clearInterval(slowed) })
    expect((await encoded).width).toBe(1)
    expect(performance.now() - before).toBeGreaterThan(5600)
    expect(stats()).toMatchObject({ restarts: 0, pids })
    clearInterval(slowed)
    await delay(400)
  })

  it('G7: is left alone where this process did not run either, as on a machine that was suspended', async () => {
    const { encode, stats } = await start({ workers: 2, silentMs: 1000 })
    const { pids } = stats()
    for (const pid of pids) process.kill(pid, 'SIGSTOP')
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 4000)
    for (const pid of pids) process.kill(pid, 'SIGCONT')
    expect((await encode(image({}))).width).toBe(1)
    expect(stats()).toMatchObject({ workers: 2, restarts: 0, pids })
  })

  it('G7: does not outlive the engine', async () => {
    const { close, stats } = await start({ workers: 2 })
    const { pids } = stats()
    for (const pid of pids) process.kill(pid, 'SIGSTOP')
    await close()
    expect(pids.filter(isAlive)).toEqual([])
  })
})

describe('the messages', () => {
  it('rebuild errors of errors.ts and turn others into VEL_ERR_INTERNAL with the cause', async () => {
    const { encode } = await start()
    const undecodable = { code: 'VEL_ERR_UNDECODABLE', statusCode: 422, message: 'no' }
    await expect(encode(image({ error: undecodable }))).rejects.toMatchObject(undecodable)
    const other = { message: 'x is not a function', stack: 'at y' }
    await expect(encode(image({ error: other }))).rejects.toMatchObject({ code: 'VEL_ERR_INTERNAL', statusCode: 500, cause: other })
  })
})

const useless = [{ workers: 0 }, { concurrencyPerWorker: 0 }, { maxQueue: -1 }, { workers: NaN }]
it.each(useless)('does not start with %o, with which images would wait for ever', async options => {
  await expect(start(options)).rejects.toThrow(RangeError)
})

describe('close', () => {
  it('finishes accepted images, refuses new ones, and ends the workers', async () => {
    const { encode, close, stats } = await start({ workers: 2 })
    const { pids } = stats()
    const inside = [1, 2, 3, 4].map(async () => await encode(image({ ms: 200 })))
    const closed = close()
    expect(await code(encode(image({})))).toBe('VEL_ERR_NOT_READY')
    expect(await Promise.all(inside)).toHaveLength(4)
    await closed
    expect(pids.filter(isAlive)).toEqual([])
  })

  it('is not ended early by the signals that a terminal sends to the whole group', async () => {
    const { encode, stats } = await start()
    const inside = encode(image({ ms: 300 }))
    for (const signal of ['SIGINT', 'SIGTERM']) process.kill(stats().pids[0]!, signal)
    expect((await inside).width).toBe(1)
  })

  it('may be called twice, and without images', async () => {
    const { encode, close } = await start()
    void encode(image({ ms: 100 }))
    await Promise.all([close(), close()])
    await close()
  })
})
