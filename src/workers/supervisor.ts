// Keeps the workers alive: starts them, replaces one that died, and gives up where none can start.
import { setTimeout as delay } from 'node:timers/promises'
import type { ModelInfo } from '../types.ts'
import { errors, isVelError, isWorkerDeath } from '../errors.ts'
import type { WorkerProcess } from './worker-process.ts'

/** What the engine writes to; a pino logger fits. */
export interface EngineLog { info: (fields: object, message: string) => void, warn: (fields: object, message: string) => void }

export interface SupervisorOptions {
  readonly workers: number
  /** Images that one worker is given at a time. */
  readonly concurrency: number
  /** Starts worker `index`, counted from 0. */
  readonly start: (index: number) => WorkerProcess
  /** Called when a worker became ready. */
  readonly onReady: () => void
  readonly log?: EngineLog | undefined
}

/**
 * Starts in a row, at one place, that may fail before the crew gives up: at boot, and later, when a passing shortage
 * of memory should not end the service. Deaths at work do not count: a picture that kills a worker may be sent often.
 */
const STARTS_AT_BOOT = 3
const STARTS_LATER = 5
/** Wait before the second, third … start in a row, ms. The first replacement starts at once. */
const RETRY_MS = [0, 250, 500, 1000, 2000]

export class Supervisor {
  /** Every worker is ready. Rejects where one cannot start. */
  readonly started: Promise<void>
  /** Rejects when the crew gave up; the process should then end. */
  readonly fatal: Promise<never>
  /** Models as the worker that became ready last runs them. */
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
    // Whoever waits for it still sees it; whoever does not is not ended by an unhandled rejection.
    this.fatal.catch(() => {})
    const first = Array.from({ length: options.workers }, async (_, index) => { await new Promise<void>(resolve => { void this.#keep(index, resolve) }) })
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

  /** Process ids of the workers that run. */
  get pids (): number[] { return this.#workers.flatMap(worker => worker?.pid ?? []) }

  async close (): Promise<void> {
    this.#ending = true
    await Promise.all(this.#workers.map(async worker => { await worker?.close() }))
  }

  /** One place in the crew: one worker's life after another. */
  async #keep (index: number, onFirstReady: () => void): Promise<void> {
    const { start, onReady, log } = this.#options
    let failures = 0
    let booted = false
    while (!this.#ending) {
      let worker: WorkerProcess | undefined
      try {
        const started = performance.now()
        worker = startOrDie(start, index)
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
        // It may be alive and only have said why it cannot serve.
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

  /** At boot, a worker that says what is wrong would say the same again. */
  #isHopeless (error: Error, failures: number, booted: boolean): boolean {
    if (booted) return failures >= STARTS_LATER
    return !isWorkerDeath(error) || failures >= STARTS_AT_BOOT
  }

  #stop (error: Error, failures: number): void {
    this.#ending = true
    for (const worker of this.#workers) worker?.kill('the engine gave up')
    const told = isVelError(error) && !isWorkerDeath(error) && error.code !== 'VEL_ERR_INTERNAL'
    const reason = error.cause instanceof Error ? error.cause.message : error.message
    this.#giveUp(told ? error : Object.assign(errors.workers(failures === 1 ? reason : `${failures} starts in a row failed; the last: ${reason}`), { cause: error.cause }))
  }
}

/** Where the system has no process to give, as without memory, that is a death at its start. */
function startOrDie (start: SupervisorOptions['start'], index: number): WorkerProcess {
  try {
    return start(index)
  } catch (error) {
    throw errors.workerDied(`it could not be started: ${(error as Error).message}`)
  }
}
