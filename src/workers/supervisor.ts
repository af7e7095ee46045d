// Keeps the worker processes running: starts them, and replaces one that died.
import { setTimeout as delay } from 'node:timers/promises'
import type { ModelInfo } from '../types.ts'
import type { Log } from '../log.ts'
import { errors, isVelError, isWorkerDeath } from '../errors.ts'
import type { WorkerProcess } from './worker-process.ts'

export interface SupervisorOptions {
  readonly workers: number
  /** Largest number of images in one worker at a time. */
  readonly concurrency: number
  /** Starts worker `index`, counted from 0. */
  readonly start: (index: number) => WorkerProcess
  /** Called when a worker becomes ready. */
  readonly onReady: () => void
  /** Called with the reason when no worker is ready and each failed to start several times in a row. */
  readonly onDown: (reason: string) => void
  readonly log?: Log | undefined
}

/**
 * Consecutive failed starts of one worker after which it counts as one that cannot start: at boot the service then does not start;
 * later it serves with the other workers. Deaths while encoding do not count: the same picture may kill many workers.
 */
const MAX_FAILURES = 3
/** Delay before a start after one failure, doubled for each further one in a row, ms. */
const RETRY_MS = 250
const MAX_RETRY_MS = 30_000

export class Supervisor {
  /** Resolves when every worker is ready; rejects if one cannot start. Later every worker is started again until it is ready. */
  readonly started: Promise<void>
  /** Models of the worker that became ready last. */
  models: readonly ModelInfo[] = []
  /** Workers replaced so far. */
  restarts = 0
  readonly #options: SupervisorOptions
  readonly #workers: Array<WorkerProcess | undefined>
  readonly #ready = new Set<WorkerProcess>()
  /** Consecutive failed starts by worker. */
  readonly #failures: number[]
  readonly #ending = new AbortController()
  #booted = false
  #giveUp!: (error: Error) => void
  /** Ends workers that cannot notice the end of this process, since they are stopped. */
  readonly #onExit = (): void => { this.#killAll('the service ended') }

  constructor (options: SupervisorOptions) {
    this.#options = options
    this.#workers = new Array<WorkerProcess | undefined>(options.workers)
    this.#failures = new Array<number>(options.workers).fill(0)
    const failed = new Promise<never>((_resolve, reject) => { this.#giveUp = reject })
    const first = Array.from({ length: options.workers }, async (_, index) =>
      await new Promise<void>(resolve => { void this.#supervise(index, resolve) }))
    this.started = Promise.race([Promise.all(first).then(() => { this.#booted = true }), failed])
    process.on('exit', this.#onExit)
  }

  get readyCount (): number { return this.#ready.size }
  get running (): number { return this.#workers.reduce((sum, worker) => sum + (worker?.running ?? 0), 0) }

  /** The least busy worker that can take one more image. */
  free (): WorkerProcess | undefined {
    let best: WorkerProcess | undefined
    for (const worker of this.#ready) if (worker.running < (best?.running ?? this.#options.concurrency)) best = worker
    return best
  }

  /** Process ids of the running workers. */
  get pids (): number[] { return this.#workers.flatMap(worker => worker?.pid ?? []) }

  async close (): Promise<void> {
    this.#ending.abort()
    await Promise.all(this.#workers.map(async worker => { await worker?.close() }))
    process.off('exit', this.#onExit)
  }

  /** Runs worker `index`: starts it, waits until it exits, and starts its replacement. */
  async #supervise (index: number, onFirstReady: () => void): Promise<void> {
    const { start, onReady, log } = this.#options
    const { signal } = this.#ending
    while (!signal.aborted) {
      let worker: WorkerProcess | undefined
      let failure: Error | undefined
      try {
        const started = performance.now()
        worker = start(index)
        this.#workers[index] = worker
        this.models = this.#sameWeights(await worker.ready)
        this.#ready.add(worker)
        log?.info({ worker: index, workerPid: worker.pid, warmUpMs: Math.round(performance.now() - started) }, 'worker ready')
        this.#failures[index] = 0
        onFirstReady()
        onReady()
      } catch (error) {
        failure = error as Error
        this.#failures[index]!++
        // The process may still run after it reported why it cannot serve.
        worker?.kill(`it could not start: ${(failure.cause as Error | undefined)?.message ?? failure.message}`)
      }
      const reason = worker === undefined ? `no process could be started: ${failure!.message}` : await worker.exited
      if (worker !== undefined) this.#ready.delete(worker)
      this.#workers[index] = undefined
      if (signal.aborted) return
      if (failure !== undefined) this.#failed(index, failure, reason)
      if (signal.aborted) return
      this.restarts++
      const retryMs = retryDelay(this.#failures[index]!)
      log?.warn({ worker: index, workerPid: worker?.pid, reason, retryMs }, 'worker died, starting another')
      await delay(retryMs, undefined, { signal }).catch(() => {})
    }
  }

  /** After a failed start: at boot the engine may give up, and later tell that it has no worker. */
  #failed (index: number, error: Error, reason: string): void {
    if (this.#booted) {
      if (this.#ready.size === 0 && this.#failures.every(count => count >= MAX_FAILURES)) this.#options.onDown(reason)
      return
    }
    const failures = this.#failures[index]!
    // A sentence of the worker is final: the next start would report it again.
    const isFinal = isVelError(error) && !isWorkerDeath(error)
    if (!isFinal && failures < MAX_FAILURES) return
    this.#ending.abort()
    this.#killAll('the engine gave up')
    process.off('exit', this.#onExit)
    if (isFinal && error.code !== 'VEL_ERR_INTERNAL') this.#giveUp(error)
    else {
      const summary = failures === 1 ? reason : `${failures} starts in a row failed; the last: ${reason}`
      this.#giveUp(Object.assign(errors.workers(summary), { cause: error.cause }))
    }
  }

  /** All workers must compute alike, also where the manifest does not pin the weights. @throws VEL_ERR_WEIGHTS */
  #sameWeights (models: readonly ModelInfo[]): readonly ModelInfo[] {
    const changed = models.find(({ role, sha256 }) => this.models.some(known => known.role === role && known.sha256 !== sha256))
    if (changed === undefined) return models
    const { name, role, sha256 } = changed
    const remedy = 'restore them, or restart the service'
    throw errors.weights(name, `the ${role} weights that the service started with`, `others (sha256 ${sha256}); ${remedy}`)
  }

  #killAll (reason: string): void {
    for (const worker of this.#workers) worker?.kill(reason)
  }
}

/** @param failures consecutive ones. @returns ms. */
function retryDelay (failures: number): number {
  return failures === 0 ? 0 : Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** (failures - 1))
}
