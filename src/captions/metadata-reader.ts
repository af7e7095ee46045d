// Reads the metadata of photos in a process: a file made for it can keep a parser of XML busy for minutes, or use up all memory.
import type { ChildProcess } from 'node:child_process'
import { forkProgram } from '../program.ts'
import type { PhotoMetadata } from './photo-metadata.ts'

export interface MetadataReader {
  /**
   * @returns without metadata, and with a note, where it takes longer than MAX_MS or more than HEAP_MB.
   * @throws `signal.reason` where it is aborted before the photo's turn.
   */
  read: (bytes: Uint8Array, signal?: AbortSignal) => Promise<PhotoMetadata>
  close: () => Promise<void>
}

/** Time for the metadata of one photo, the start of the process included. */
const MAX_MS = 3000
const HEAP_MB = 256

/** The process is started for the first photo, and again after one that took too much. Photos are read one after the other. */
export function createMetadataReader (maxMs = MAX_MS): MetadataReader {
  let child: ChildProcess | null = null
  let before: Promise<unknown> = Promise.resolve()

  const start = (): ChildProcess => {
    // What V8 says of a process that used up its memory is no line of the log.
    const started = forkProgram('./metadata-process', import.meta.url, [], {
      heapMb: HEAP_MB,
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc']
    })
    started.on('error', () => {}).once('exit', () => { if (child === started) child = null })
    return started
  }
  const end = async (): Promise<void> => {
    const ended = child
    child = null
    if (ended?.pid === undefined || ended.exitCode !== null || ended.signalCode !== null) return
    await new Promise(resolve => {
      ended.once('exit', resolve)
      ended.kill('SIGKILL')
    })
  }
  const readNow = async (bytes: Uint8Array): Promise<PhotoMetadata> => {
    child ??= start()
    const asked = child
    const answer = await new Promise<PhotoMetadata | null>(resolve => {
      const settle = (metadata: PhotoMetadata | null): void => {
        clearTimeout(timer)
        asked.off('message', settle).off('exit', fail).off('error', fail)
        resolve(metadata)
      }
      const fail = (): void => { settle(null) }
      const timer = setTimeout(fail, maxMs)
      asked.on('message', settle).on('exit', fail).on('error', fail)
      asked.send(bytes, error => { if (error !== null) fail() })
    })
    if (answer !== null) return answer
    await end()
    return { persons: [], note: `The photo's metadata took more than ${maxMs} ms or ${HEAP_MB} MB to read.` }
  }
  return {
    async read (bytes, signal) {
      const result = before.then(async () => {
        signal?.throwIfAborted()
        return await readNow(bytes)
      })
      before = result.catch(() => {})
      return await result
    },
    close: end
  }
}
