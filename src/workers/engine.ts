// The encoding half of the path as the server uses it: from images to mentions with embeddings, in worker processes behind a
// bounded queue, so that the event loop of the server never waits for a model.
import type { ChildProcess } from 'node:child_process'
import type { EmbedEntity, MentionEncoder, ModelInfo } from '../types.ts'
import type { Log } from '../log.ts'
import { SILENT_MS } from './heartbeat.ts'
import type { WorkerSettings } from './messages.ts'
import { Queue } from './queue.ts'
import { Supervisor } from './supervisor.ts'
import { forkWorker, WorkerProcess } from './worker-process.ts'

export interface EngineOptions extends Omit<WorkerSettings, 'device'> {
  /** Number of worker processes. With CUDA one for each device: worker n computes on device n. */
  readonly workers: number
  /** Largest number of waiting images. */
  readonly maxQueue: number
  /** Largest number of images in one worker at a time: 1 on CPU, more on CUDA, where faces of several images form one batch. */
  readonly concurrencyPerWorker?: number
  /** Longest time for one image in a worker, ms; then the worker is killed and replaced. */
  readonly hangMs?: number
  /** Longest time for one image after its request was aborted, ms; then its worker is replaced, unless it has other images. */
  readonly abandonedMs?: number
  /** Longest time without a message from a ready worker, ms; then it is killed and replaced. */
  readonly silentMs?: number
  /** Longest time for a worker to become ready, ms; then it is killed. */
  readonly startMs?: number
  readonly log?: Log | undefined
  /** Starts the process of a worker; for tests. */
  readonly fork?: () => ChildProcess
}

export interface EngineStats {
  /** Number of ready workers. */
  readonly workers: number
  /** Images in workers, including those of aborted requests. */
  readonly busy: number
  readonly queued: number
  /** Workers replaced so far. */
  readonly restarts: number
  /** Process ids of the workers, to measure their memory. */
  readonly pids: readonly number[]
}

export interface Engine extends MentionEncoder {
  /** @throws what `Queue.run` throws, VEL_ERR_WORKER_DIED, and VEL_ERR_PACK for a pack without a text encoder. */
  embedTexts: EmbedEntity
  /** The loaded models, each with the execution provider that runs it. */
  readonly models: readonly ModelInfo[]
  stats: () => EngineStats
}

/**
 * Starts the workers and waits until each has loaded and warmed its models.
 *
 * @throws VEL_ERR_PROVIDER if no execution provider is available, VEL_ERR_WEIGHTS if a graph cannot be opened,
 *   VEL_ERR_WORKERS if a worker does not start for another reason.
 */
export async function createEngine (options: EngineOptions): Promise<Engine> {
  const { workers, maxQueue, concurrencyPerWorker: concurrency = 1, log, fork = forkWorker } = options
  const { hangMs = 60_000, abandonedMs = 5000, startMs = 120_000, silentMs = SILENT_MS } = options
  if (!(workers >= 1 && concurrency >= 1 && maxQueue >= 0)) {
    const received = `${workers}, ${concurrency} and ${maxQueue}`
    throw new RangeError(`Expected at least one worker, one place in it and no negative queue, received ${received}`)
  }
  const { pack, modelsDir, settings, providers, threads } = options
  const warned = new Set<string>()
  const warn = (message: string): void => {
    if (!warned.has(message)) log?.warn({}, message)
    warned.add(message)
  }
  const limits = { startMs, hangMs, abandonedMs, silentMs }
  const start = (index: number): WorkerProcess => {
    const child = fork()
    const line = (text: string): void => {
      if (log === undefined) process.stderr.write(`${text}\n`)
      else log.warn({ worker: index, workerPid: child.pid, line: text }, 'a worker wrote')
    }
    return new WorkerProcess(child, { pack, modelsDir, settings, providers, threads, device: index }, limits, { warn, line })
  }
  const queue: Queue = new Queue({ capacity: workers * concurrency, maxQueue, free: () => supervisor.free() })
  const onReady = (): void => { queue.resume() }
  const onDown = (reason: string): void => { queue.pause(`no worker can be started (${reason}), which is tried again and again`) }
  const supervisor = new Supervisor({ workers, concurrency, start, onReady, onDown, log })
  await supervisor.started
  return {
    get models () { return supervisor.models },
    encode: async (bytes, encodeOptions = {}, signal) =>
      await queue.run(async worker => await worker.encode(bytes, encodeOptions, signal), signal),
    embedTexts: async (entity, fields, signal) =>
      await queue.run(async worker => await worker.embed(entity, fields, signal), signal),
    stats: () => ({
      workers: supervisor.readyCount,
      busy: supervisor.running,
      queued: queue.queued,
      restarts: supervisor.restarts,
      pids: supervisor.pids
    }),
    async close () {
      await queue.drain('it is shutting down')
      await supervisor.close()
    }
  }
}
