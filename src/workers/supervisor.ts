// Keeps the worker processes running: starts them, replaces one that died, and gives up if none can start.
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
  readonly log?: Log | undefined
}

/**
 * Consecutive failed starts of one worker after which the supervisor gives up: at boot, and later, where a temporary
 * shortage of memory should not end the service. Deaths while encoding do not count: the same picture may kill many workers.
 */
const MAX_FAILURES_AT_BOOT = 3
const MAX_FAILURES_LATER = 5
/** Delay before a start, by the number of consecutive failures before it, ms. */
const RETRY_MS = [0, 250, 500, 1000, 2000]

export class Supervisor {
  /** Resolves when every worker is ready; rejects if one cannot start. */
  readonly started: Promise<void>
  /** Rejects when the supervisor gives up; the process should then end. */
  readonly fatal: Promise<never>
  /** Models of the worker that became ready last. */
  models: readonly ModelInfo[] = []
  /** Workers replaced so far. */
  restarts = 0
  readonly #options: SupervisorOptions
  readonly #workers: Array<WorkerProcess | undefined>
  readonly #ready = new Set<WorkerProcess>()
  #giveUp!: (error: Error) => void
  #ending = false

  constructor (options: SupervisorOptions) {
    this.#options = options
    this.#workers = new Array<WorkerProcess | undefined>(options.workers)
    this.fatal = new Promise((_resolve, reject) => { this.#giveUp = reject })
    // Mark the rejection as handled; callers that await it still receive it.
    this.fatal.catch(() => {})
    const first = Array.from({ length: options.workers }, async (_, index) =>
      await new Promise<void>(resolve => { void this.#supervise(index, resolve) }))
    this.started = Promise.race([Promise.all(first).then(() => {}), this.fatal])
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
    this.#ending = true
    await Promise.all(this.#workers.map(async worker => { await worker?.close() }))
  }

  /** Runs worker `index`: starts it, waits until it exits, and starts its replacement. */
  async #supervise (index: number, onFirstReady: () => void): Promise<void> {
    const { start, onReady, log } = this.#options
    let failures = 0
    let booted = false
    while (!this.#ending) {
      let worker: WorkerProcess | undefined
      try {
        const started = performance.now()
        worker = startWorker(start, index)
        this.#workers[index] = worker
        this.models = await worker.ready
        this.#ready.add(worker)
        log?.info({ worker: index, workerPid: worker.pid, warmUpMs: Math.round(performance.now() - started) }, 'worker ready')
        failures = 0
        booted = true
        onFirstReady()
        onReady()
      } catch (error) {
        failures++
        if (this.#ending) return
        // The process may still run after it reported why it cannot serve.
        worker?.kill(`it could not start: ${(error as Error).message}`)
        if (this.#isHopeless(error as Error, failures, booted)) {
          this.#stop(error as Error, failures)
          return
        }
      }
      const reason = worker === undefined ? 'no process could be started' : await worker.exited
      if (worker !== undefined) this.#ready.delete(worker)
      this.#workers[index] = undefined
      if (this.#ending) return
      this.restarts++
      log?.warn({ worker: index, workerPid: worker?.pid, reason }, 'worker died, starting another')
      await delay(RETRY_MS[Math.min(failures, RETRY_MS.length - 1)])
    }
  }

  /** At boot an error that the worker reported itself is final: the next start would report it again. */
  #isHopeless (error: Error, failures: number, booted: boolean): boolean {
    if (booted) return failures >= MAX_FAILURES_LATER
    return !isWorkerDeath(error) || failures >= MAX_FAILURES_AT_BOOT
  }

  #stop (error: Error, failures: number): void {
    this.#ending = true
    for (const worker of this.#workers) worker?.kill('the engine gave up')
    const isClear = isVelError(error) && !isWorkerDeath(error) && error.code !== 'VEL_ERR_INTERNAL'
    const reason = error.cause instanceof Error ? error.cause.message : error.message
    const summary = failures === 1 ? reason : `${failures} starts in a row failed; the last: ${reason}`
    this.#giveUp(isClear ? error : Object.assign(errors.workers(summary), { cause: error.cause }))
  }
}

/** Starts a worker. A failure of the system to create the process, as when out of memory, counts as its death. */
function startWorker (start: SupervisorOptions['start'], index: number): WorkerProcess {
  try {
    return start(index)
  } catch (error) {
    throw errors.workerDied(`it could not be started: ${(error as Error).message}`)
  }
}
