// A bounded queue of images (and sometimes texts) before the workers. Past its limit an image is refused at once; an image
// whose request is aborted leaves it at once.
import { errors } from '../errors.ts'
import type { WorkerProcess } from './worker-process.ts'

export interface QueueOptions {
  /** Largest number of images in all workers at a time. */
  readonly capacity: number
  /** Largest number of waiting images. */
  readonly maxQueue: number
  /** The worker for the next image; undefined if all are busy. */
  readonly free: () => WorkerProcess | undefined
}

interface Task {
  readonly work: (worker: WorkerProcess) => Promise<unknown>
  readonly resolve: (result: unknown) => void
  readonly reject: (error: unknown) => void
}

/** Weight of the newest duration in the running mean behind Retry-After. */
const NEWEST = 0.2

/** Retry-After while paused, s. */
const PAUSED_RETRY_S = 10

export class Queue {
  readonly #options: QueueOptions
  readonly #queue: Task[] = []
  #meanMs = 100
  #closed: string | undefined
  #paused: string | undefined
  readonly #onEmpty: Array<() => void> = []
  #running = 0

  constructor (options: QueueOptions) {
    this.#options = options
  }

  get queued (): number { return this.#queue.length }

  /**
   * @throws VEL_ERR_OVERLOADED at once if the queue is full, with `retryAfterS`.
   * @throws VEL_ERR_NOT_READY once closed, and while paused.
   * @throws the reason of `signal` when it is aborted. A waiting image then never reaches a worker; one that is in a
   *   worker keeps its slot until the worker is done with it or is replaced.
   */
  async run<T> (work: (worker: WorkerProcess) => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted()
    const { capacity, maxQueue, free } = this.#options
    if (this.#closed !== undefined) throw errors.notReady(this.#closed)
    if (this.#paused !== undefined) throw errors.notReady(this.#paused, PAUSED_RETRY_S)
    if (this.#queue.length >= maxQueue && free() === undefined) {
      throw errors.overloaded(`fewer than ${capacity + maxQueue} images in flight`, this.#retryAfterS())
    }
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
        this.#dispatch()
      })
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }

  #dispatch (): void {
    for (let worker = this.#options.free(); worker !== undefined; worker = this.#options.free()) {
      const task = this.#queue.shift()
      if (task === undefined) break
      void this.#run(worker, task)
    }
  }

  /** Refuses further images. Resolves when all accepted images are done. */
  async drain (reason: string): Promise<void> {
    this.#closed = reason
    if (this.#running + this.#queue.length > 0) await new Promise<void>(resolve => { this.#onEmpty.push(resolve) })
  }

  /** Rejects the waiting images, and refuses further ones until `resume`. */
  pause (reason: string): void {
    this.#paused = reason
    for (const task of this.#queue.splice(0)) task.reject(errors.notReady(reason, PAUSED_RETRY_S))
    this.#settled()
  }

  /** Accepts images, and passes waiting ones to free workers. */
  resume (): void {
    this.#paused = undefined
    this.#dispatch()
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
    this.#dispatch()
    this.#settled()
  }

  #drop (task: Task): void {
    const index = this.#queue.indexOf(task)
    if (index >= 0) this.#queue.splice(index, 1)
    this.#settled()
  }

  #settled (): void {
    if (this.#running + this.#queue.length === 0) for (const done of this.#onEmpty.splice(0)) done()
  }

  /** Expected time until the present queue is done, s. */
  #retryAfterS (): number {
    return Math.max(1, Math.ceil((this.#queue.length + 1) * this.#meanMs / this.#options.capacity / 1000))
  }
}
