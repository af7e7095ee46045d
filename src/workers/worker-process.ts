// One worker as the server sees it: a child process with its pending calls.
//
// A process and not a thread: a crash in native code (libvips, ONNX Runtime) ends a whole process, and may fail only the
// calls of that worker.
import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { EncodedImage, EncodeOptions, Entity, ModelInfo, TextEmbeddings, TextSpace } from '../types.ts'
import { errors } from '../errors.ts'
import { forkProgram } from '../program.ts'
import { watchHeartbeat } from './heartbeat.ts'
import { fromWire, type FromWorker, type ToWorker, type WorkerSettings } from './messages.ts'

export interface WorkerLimits {
  /** Longest time for a worker to become ready, ms; then it is killed. */
  readonly startMs: number
  /** Longest time for one image or text, ms; then the worker is killed: a hang in native code cannot be interrupted. */
  readonly hangMs: number
  /** Longest time for one image or text after its request was aborted, ms; then the worker is killed unless another request needs it. */
  readonly abandonedMs: number
  /** Longest time without a message from a ready worker, ms; then it is killed. @see heartbeat.ts */
  readonly silentMs: number
}

export interface WorkerReports {
  /** A warning of the worker: every worker may give the same. */
  readonly warn: (sentence: string) => void
  /** A line that the worker, or a library in it, wrote to its standard output or error. */
  readonly line: (line: string) => void
}

interface Call {
  readonly resolve: (result: never) => void
  readonly reject: (error: Error) => void
  readonly timer: NodeJS.Timeout
  /** Removes its listener from the signal of the request. */
  readonly forget: () => void
  /** Runs from the abort of its request. */
  abandoned?: NodeJS.Timeout
  /** Aborted for longer than `abandonedMs`. */
  overdue?: true
}

/** Longest time for a worker to end after its channel is closed, ms; then it is killed. */
const END_MS = 2000

/**
 * Its output comes through pipes. An inherited output would be set to blocking, for this process too, and a reader of the log that
 * stands still would then block the event loop.
 */
export function forkWorker (): ChildProcess {
  return forkProgram('./worker', import.meta.url, [], { serialization: 'advanced', stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
}

export class WorkerProcess {
  /** Resolves with the loaded models when they are warm. Rejects with the error of the worker, or VEL_ERR_WORKER_DIED. */
  readonly ready: Promise<readonly ModelInfo[]>
  /** Resolves when the process has ended, with the reason in words. */
  readonly exited: Promise<string>
  readonly #child: ChildProcess
  readonly #limits: WorkerLimits
  readonly #calls = new Map<number, Call>()
  #lastId = 0
  #killedBecause: string | undefined
  #ended: string | undefined

  constructor (child: ChildProcess, settings: WorkerSettings, limits: WorkerLimits, { warn, line }: WorkerReports) {
    this.#child = child
    this.#limits = limits
    this.exited = new Promise(resolve => {
      child.once('exit', (code, signal) => {
        resolve(this.#killedBecause ?? (signal === null ? `it ended with exit code ${code}` : `it was ended by ${signal}`))
      })
      // A process that could not be started has no 'exit'. Later errors concern the channel, and 'exit' follows.
      child.on('error', error => { if (child.pid === undefined) resolve(`it could not be started: ${error.message}`) })
    })
    for (const output of [child.stdout, child.stderr]) if (output !== null) createInterface({ input: output }).on('line', line)
    this.ready = this.#start(settings)
    this.#watch()
    child.on('message', (message: FromWorker) => {
      if (message.type === 'warning') warn(message.message)
      else if (message.type === 'encoded') this.#take(message.id)?.resolve(message.image as never)
      else if (message.type === 'embedded') this.#take(message.id)?.resolve(message.embeddings as never)
      else if (message.type === 'refused') this.#take(message.id)?.reject(fromWire(message.error))
    })
    void this.exited.then(reason => {
      this.#ended = reason
      for (const id of [...this.#calls.keys()]) this.#take(id)?.reject(errors.workerDied(reason))
    })
  }

  get pid (): number | undefined { return this.#child.pid }

  /** Number of pending calls. */
  get running (): number { return this.#calls.size }

  /**
   * @param signal of the request. Its abort does not reject the promise, but limits the time that the worker has left.
   * @throws what `encodeImage` throws, VEL_ERR_INTERNAL, or VEL_ERR_WORKER_DIED.
   */
  async encode (bytes: Uint8Array, options: EncodeOptions, signal?: AbortSignal): Promise<EncodedImage> {
    return await this.#call<EncodedImage>(id => ({ type: 'encode', id, bytes, options }), signal)
  }

  /** @throws VEL_ERR_PACK for a pack without a text encoder, VEL_ERR_INTERNAL, or VEL_ERR_WORKER_DIED. */
  async embed (
    entity: Pick<Entity, 'name' | 'description'>, fields: readonly TextSpace[], signal?: AbortSignal
  ): Promise<TextEmbeddings> {
    return await this.#call<TextEmbeddings>(id => ({ type: 'embed', id, entity, fields }), signal)
  }

  async #call<T> (message: (id: number) => ToWorker, signal?: AbortSignal): Promise<T> {
    if (this.#ended !== undefined) throw errors.workerDied(this.#ended)
    const id = ++this.#lastId
    return await new Promise<T>((resolve, reject) => {
      const { hangMs } = this.#limits
      const timer = setTimeout(() => { this.kill(`it had one image for ${hangMs} ms and was stopped`) }, hangMs)
      const onAbort = (): void => { this.#abandon(call) }
      const forget = (): void => { signal?.removeEventListener('abort', onAbort) }
      const call: Call = { resolve: resolve as Call['resolve'], reject, timer, forget }
      this.#calls.set(id, call)
      if (signal?.aborted === true) onAbort()
      else signal?.addEventListener('abort', onAbort, { once: true })
      this.#send(message(id))
    })
  }

  #abandon (call: Call): void {
    call.abandoned = setTimeout(() => {
      call.overdue = true
      this.#killUnneeded()
    }, this.#limits.abandonedMs)
  }

  /** Kills the worker if every pending call is overdue: a native call cannot be interrupted, and its caller no longer waits. */
  #killUnneeded (): void {
    const calls = [...this.#calls.values()]
    if (calls.length === 0 || !calls.every(({ overdue }) => overdue === true)) return
    this.kill(`its request ended ${this.#limits.abandonedMs} ms ago and it still computed`)
  }

  /** Closes the channel, on which the worker exits, and waits for its end. */
  async close (): Promise<void> {
    if (this.#child.connected) this.#child.disconnect()
    const timer = setTimeout(() => { this.kill('it did not end when told to') }, END_MS)
    await this.exited
    clearTimeout(timer)
  }

  kill (reason: string): void {
    this.#killedBecause = reason
    this.#child.kill('SIGKILL')
  }

  /** Kills a worker that is silent once it is ready: while it loads models its event loop is blocked, and `startMs` is its limit. */
  #watch (): void {
    const { silentMs } = this.#limits
    void this.ready.then(() => {
      const heartbeat = watchHeartbeat(this.#child.pid!, silentMs, () => {
        this.kill(`nothing was heard from it for ${silentMs} ms: it was stopped, or its event loop hung`)
      })
      this.#child.on('message', heartbeat.heard)
      void this.exited.then(heartbeat.stop)
    }, () => {})
  }

  async #start (settings: WorkerSettings): Promise<readonly ModelInfo[]> {
    const { startMs } = this.#limits
    const timer = setTimeout(() => { this.kill(`it was not ready after ${startMs} ms and was stopped`) }, startMs)
    try {
      return await new Promise((resolve, reject) => {
        this.#child.on('message', (message: FromWorker) => {
          if (message.type === 'ready') resolve(message.models)
          else if (message.type === 'failed') reject(fromWire(message.error))
        })
        void this.exited.then(reason => { reject(errors.workerDied(reason)) })
        this.#send({ type: 'start', settings })
      })
    } finally {
      clearTimeout(timer)
    }
  }

  #send (message: ToWorker): void {
    // If sending fails, the process is ending, and 'exit' settles its calls.
    if (this.#child.connected) this.#child.send(message, () => {})
  }

  #take (id: number): Call | undefined {
    const call = this.#calls.get(id)
    this.#calls.delete(id)
    clearTimeout(call?.timer)
    clearTimeout(call?.abandoned)
    call?.forget()
    if (this.#ended === undefined) this.#killUnneeded()
    return call
  }
}
