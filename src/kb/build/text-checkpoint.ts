// Checkpoint of embedded texts on disk, from which a killed build resumes.
import { mkdir, open, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { sha256, writeAtomic } from '../../files.ts'

/** Embeddings in groups; the key of a group is a hash of its texts and of the recipe. */
export interface TextCheckpoint {
  readonly keyOf: (texts: readonly string[]) => string
  /** Whether a group of `count` embeddings is there. */
  readonly has: (key: string, count: number) => Promise<boolean>
  /** Resolves when the group is on the disk. */
  readonly put: (key: string, embeddings: readonly Float32Array[]) => Promise<void>
  /** Embedding `i` of a group that is there: float32 `[dims]`. Calls must not overlap. */
  readonly read: (key: string, i: number) => Promise<Float32Array>
  readonly close: () => Promise<void>
}

const FLOAT_BYTES = 4

/**
 * Opens `folder`, which is created where it is missing. A group is one file, float32 `[count, dims]`, written atomically.
 *
 * @param recipe hash of everything besides the text that an embedding depends on.
 */
export async function openTextCheckpoint (folder: string, recipe: string, dims: number): Promise<TextCheckpoint> {
  await mkdir(folder, { recursive: true })
  const pathOf = (key: string): string => join(folder, `${key}.f32`)
  let current: { readonly key: string, readonly file: FileHandle } | undefined
  const close = async (): Promise<void> => {
    await current?.file.close()
    current = undefined
  }
  return {
    close,
    keyOf: texts => sha256(JSON.stringify([recipe, texts])).slice(0, 32),
    has: async (key, count) => await stat(pathOf(key)).then(({ size }) => size === count * dims * FLOAT_BYTES, () => false),
    async put (key, embeddings) {
      await writeAtomic(pathOf(key), Buffer.concat(embeddings.map(e => new Uint8Array(e.buffer, e.byteOffset, e.byteLength))))
    },
    async read (key, i) {
      if (current?.key !== key) {
        await close()
        current = { key, file: await open(pathOf(key)) }
      }
      const embedding = new Float32Array(dims)
      await current.file.read(new Uint8Array(embedding.buffer), 0, embedding.byteLength, i * embedding.byteLength)
      return embedding
    }
  }
}
