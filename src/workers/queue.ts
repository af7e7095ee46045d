// Who may wait: a bounded queue before the workers, of images and now and then of texts. An image past it is refused at once, and one whose request was
// aborted leaves it at once.
import { errors } from '../errors.ts'
import type { WorkerProcess } from './worker-process.ts'

export interface QueueOptions {
  /** Images in the hands of all workers at most. */
  readonly places: number
  /** Images that wait at most. */
  readonly maxQueue: number
  /** The worker that takes the next image; none where all are busy. */
  readonly free: () => WorkerProcess | undefined
}

interface Task {
  readonly work: (worker: WorkerProcess) => Promise<unknown>
  readonly resolve: (result: unknown) => void
  readonly reject: (error: unknown) => void
}

/** Weight of the newest duration in the running mean behind Retry-After. */
const NEWEST = 0.2

export class Queue {
  readonly #options: QueueOptions
  readonly #queue: Task[] = []
  #meanMs = 100
  #closed: string | undefined
  readonly #onEmpty: Array<() => void> = []
  #running = 0

  constructor (options: QueueOptions) {
    this.#options = options
  }

  get queued (): number { return this.#queue.length }

  /**
   * @throws VEL_ERR_OVERLOADED at once where the queue is full, with `retryAfterS`.
   * @throws VEL_ERR_NOT_READY once closed.
   * @throws the signal's reason when it is aborted: a waiting image then never reaches a worker; the place of one that
   *   a worker already has is free when the worker is done with it.
   */
  async run<T> (work: (worker: WorkerProcess) => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted()
    const { places, maxQueue, free } = this.#options
    if (this.#closed !== undefined) throw errors.notReady(this.#closed)
    if (this.#queue.length >= maxQueue && free() === undefined) throw errors.overloaded(String(places + maxQueue), this.#retryAfterS())
    let onAbort = (): void => {}
    try {
      return await new Promise<T>((resolve, reject) => {
        const task: Task = { work, resolve: resolve as Task['resolve'], reject }
        onAbort = () => {
          this.#drop(task)
          reject(signal?.reason)
        }
        signal?.addEventListener('abort', onAbort, { once: true })
        this.#queue.push(task)
        this.dispatch()
      })
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }

  /** Hands waiting images to workers that can take one. */
  dispatch (): void {
    for (let worker = this.#options.free(); worker !== undefined; worker = this.#options.free()) {
      const task = this.#queue.shift()
      if (task === undefined) break
      void this.#run(worker, task)
    }
  }

  /** Takes no more images. @returns when those inside are done. */
  async drain (reason: string): Promise<void> {
    this.#closed = reason
    if (this.#running + this.#queue.length > 0) await new Promise<void>(resolve => { this.#onEmpty.push(resolve) })
  }

  /** Takes no more images and gives up those that wait. */
  refuse (reason: string): void {
    this.#closed = reason
    for (const task of this.#queue.splice(0)) task.reject(errors.notReady(reason))
    this.#settled()
  }

  async #run (worker: WorkerProcess, task: Task): Promise<void> {
    const started = performance.now()
    this.#running++
    try {
      task.resolve(await task.work(worker))
      this.#meanMs += NEWEST * (performance.now() - started - this.#meanMs)
    } catch (error) {
      task.reject(error)
    }
    this.#running--
    this.dispatch()
    this.#settled()
  }

  #drop (task: Task): void {
    const at = this.#queue.indexOf(task)
    if (at >= 0) this.#queue.splice(at, 1)
    this.#settled()
  }

  #settled (): void {
    if (this.#running + this.#queue.length === 0) for (const done of this.#onEmpty.splice(0)) done()
  }

  /** Seconds until the queue as it stands should be done. */
  #retryAfterS (): number {
    return Math.max(1, Math.ceil((this.#queue.length + 1) * this.#meanMs / this.#options.places / 1000))
  }
}
