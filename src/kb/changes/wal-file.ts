// A file that is appended to and flushed, and that notices when it is no longer the file at its path.
import { createReadStream, createWriteStream } from 'node:fs'
import { open, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { syncFolder } from '../../files.ts'

export interface WalFile {
  /**
   * Appends and flushes.
   *
   * @throws errors of the file system, and where the file was deleted, moved, replaced, or written to by another process.
   */
  readonly append: (text: string) => Promise<void>
  /** Replaces the whole content in one step. Bytes that another process wrote are kept in `PATH.torn` first. */
  readonly replace: (texts: Iterable<string>) => Promise<void>
  /** Whether the file holds what was appended and nothing else; otherwise it is to be replaced before the next append. */
  readonly intact: () => boolean
  readonly close: () => Promise<void>
}

/**
 * @param end size of what is kept, bytes; the rest is cut off.
 * @param warn called with a sentence where bytes are kept.
 */
export async function openWalFile (path: string, end: number, warn: (sentence: string) => void): Promise<WalFile> {
  let file = await open(path, 'a')
  let intact = true
  await file.truncate(end)
  await file.sync()

  const cutBack = async (): Promise<void> => {
    await file.truncate(end)
    await file.datasync()
  }
  return {
    async append (text) {
      const bytes = Buffer.from(text)
      let written = false
      try {
        await file.appendFile(bytes)
        await file.datasync()
        written = true
        const foreign = await foreignFrom(path, file, end + bytes.length)
        if (foreign !== null) throw new Error(`${path} was deleted, moved or changed by another program`)
        end += bytes.length
      } catch (error) {
        // What is half written must not precede the next line. A file that was tampered with is left as it is.
        intact = !written && await cutBack().then(() => true, () => false)
        throw error
      }
    },
    async replace (texts) {
      // NOTE: not by writeAtomic: this handle goes on being written, so that a rename is never followed by an open that fails.
      const temporary = `${path}.new`
      await rm(temporary, { force: true })
      const fresh = await open(temporary, 'a')
      let size = 0
      try {
        for (const text of texts) {
          const bytes = Buffer.from(text)
          await fresh.appendFile(bytes)
          size += bytes.length
        }
        await fresh.sync()
        const from = await foreignFrom(path, file, end)
        if (from !== null && await sizeOf(path) > from) warn(await keepBytes(path, from))
        await rename(temporary, path)
      } catch (error) {
        await fresh.close()
        throw error
      }
      const before = file
      file = fresh
      end = size
      intact = true
      // From here on the log is the new one, whatever fails.
      await before.close().catch(() => {})
      await syncFolder(dirname(path))
    },
    intact: () => intact,
    close: async () => { await file.close() }
  }
}

/**
 * Appends the bytes of `path` from offset `from` on to `PATH.torn`.
 *
 * @returns a sentence that says so.
 */
export async function keepBytes (path: string, from: number): Promise<string> {
  const kept = `${path}.torn`
  await pipeline(createReadStream(path, { start: from }), createWriteStream(kept, { flags: 'a', flush: true }))
  await syncFolder(dirname(path))
  return `${path}: what it held from byte ${from} on is kept in ${kept}`
}

/** @returns the offset from which on the file at `path` holds other bytes than the first `size` of `file`; null where it does not. */
async function foreignFrom (path: string, file: FileHandle, size: number): Promise<number | null> {
  const own = await file.stat({ bigint: true })
  const found = await stat(path, { bigint: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (found?.dev !== own.dev || found.ino !== own.ino) return 0
  return found.size === BigInt(size) ? null : size
}

async function sizeOf (path: string): Promise<number> {
  return await stat(path).then(({ size }) => size, () => 0)
}
