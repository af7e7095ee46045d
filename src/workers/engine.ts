// The encoding half of the path as the service uses it: images in, mentions with embeddings out, computed in worker
// processes behind a bounded queue, so that the service's own event loop never waits for a model.
import type { ChildProcess } from 'node:child_process'
import type { EmbedEntity, MentionEncoder, ModelInfo } from '../types.ts'
import type { WorkerSettings } from './messages.ts'
import { Queue } from './queue.ts'
import { Supervisor, type EngineLog } from './supervisor.ts'
import { forkWorker, WorkerProcess } from './worker-process.ts'

export interface EngineOptions extends Omit<WorkerSettings, 'device'> {
  /** Worker processes. With CUDA one a device: worker n computes on device n. */
  readonly workers: number
  /** Images that wait at most. */
  readonly maxQueue: number
  /** Images that one worker is given at a time: 1 on CPU, more on CUDA, where faces of several images make one batch. */
  readonly concurrencyPerWorker?: number
  /** A worker that has one image for longer is killed and replaced, ms. */
  readonly hangMs?: number
  /** A worker that is not ready by then is killed, ms. */
  readonly startMs?: number
  readonly log?: EngineLog | undefined
  /** Starts a worker's process; for tests. */
  readonly fork?: () => ChildProcess
}

export interface EngineStats {
  /** Workers that are ready. */
  readonly workers: number
  /** Images in their hands, those of aborted requests included. */
  readonly busy: number
  readonly queued: number
  /** Workers replaced so far. */
  readonly restarts: number
  /** Process ids of the workers, for those who watch memory. */
  readonly pids: readonly number[]
}

export interface Engine extends MentionEncoder {
  /** @throws what `encode` throws of the queue and the worker; VEL_ERR_PACK where the pack has no text encoder. */
  embedTexts: EmbedEntity
  /** Models as they run: `provider` is the one that really computes. */
  readonly models: readonly ModelInfo[]
  /** Rejects when the workers cannot be kept running; the process should then end. */
  readonly fatal: Promise<never>
  stats: () => EngineStats
}

/**
 * Starts the workers and waits until each has loaded and warmed its models.
 *
 * @throws VEL_ERR_PROVIDER where no execution provider can be had, VEL_ERR_WEIGHTS where a graph cannot be opened,
 *   VEL_ERR_WORKERS where a worker does not start for another reason.
 */
export async function createEngine (options: EngineOptions): Promise<Engine> {
  const { workers, maxQueue, concurrencyPerWorker: concurrency = 1, hangMs = 60_000, startMs = 120_000, log, fork = forkWorker } = options
  if (!(workers >= 1 && concurrency >= 1 && maxQueue >= 0)) throw new RangeError(`Expected at least one worker, one place in it and no negative queue, received ${workers}, ${concurrency} and ${maxQueue}`)
  const { pack, modelsDir, settings, providers, threads } = options
  const warned = new Set<string>()
  const warn = (message: string): void => {
    if (!warned.has(message)) log?.warn({}, message)
    warned.add(message)
  }
  const start = (index: number): WorkerProcess => new WorkerProcess(fork(), { pack, modelsDir, settings, providers, threads, device: index }, { startMs, hangMs }, warn)
  const admission: Queue = new Queue({ places: workers * concurrency, maxQueue, free: () => crew.free() })
  const crew = new Supervisor({ workers, concurrency, start, onReady: () => { admission.dispatch() }, log })
  crew.fatal.catch(() => { admission.refuse('its workers cannot be kept running') })
  await crew.started
  return {
    get models () { return crew.models },
    fatal: crew.fatal,
    encode: async (bytes, encodeOptions = {}, signal) => await admission.run(async worker => await worker.encode(bytes, encodeOptions), signal),
    embedTexts: async (entity, fields, signal) => await admission.run(async worker => await worker.embed(entity, fields), signal),
    stats: () => ({ workers: crew.readyCount, busy: crew.running, queued: admission.queued, restarts: crew.restarts, pids: crew.pids }),
    async close () {
      await admission.drain('it is shutting down')
      await crew.close()
    }
  }
}
