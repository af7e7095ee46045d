// Embeddings of texts that a build has already computed, kept on disk so that a killed build goes on where it was.
import { mkdir, open, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { sha256, writeAtomic } from '../../files.ts'

/** Texts are kept in groups, each found by what was embedded and by what. */
export interface TextCheckpoint {
  readonly keyOf: (texts: readonly string[]) => string
  /** Whether a whole group of `count` is there. */
  readonly has: (key: string, count: number) => Promise<boolean>
  /** Resolves when it is on the disk. */
  readonly put: (key: string, embeddings: readonly Float32Array[]) => Promise<void>
  /** Embedding `place` of a group that is there. Calls must not overlap. */
  readonly read: (key: string, place: number) => Promise<Float32Array>
  readonly close: () => Promise<void>
}

const FLOAT_BYTES = 4

/**
 * Opens `folder`, made where it is missing. A group is one file of float32 `[count, dims]`, written aside, flushed and
 * renamed: it is there whole or not at all.
 *
 * @param recipe what an embedding depends on besides its text.
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
    async read (key, place) {
      if (current?.key !== key) {
        await close()
        current = { key, file: await open(pathOf(key)) }
      }
      const embedding = new Float32Array(dims)
      await current.file.read(new Uint8Array(embedding.buffer), 0, embedding.byteLength, place * embedding.byteLength)
      return embedding
    }
  }
}
