// Caches encoded photos on disk, by the photo's bytes and what encoded them, so that a second evaluation is fast.
import { mkdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { sha256, writeAtomic } from '../../files.ts'
import { fromBase64, toBase64 } from '../../math/vector.ts'
import type { EncodedImage, EncodedMention, EncodeOptions } from '../../types.ts'

export interface PhotoCache {
  get: (photo: PhotoKey) => Promise<Encoded | undefined>
  put: (photo: PhotoKey, encoded: Encoded) => Promise<void>
}

/** The mentions of a photo, or the reason why it cannot be encoded. */
export type Encoded = EncodedImage | { readonly refused: string }

/** sha256 of the photo's bytes, hex, and the options it was encoded with. */
export interface PhotoKey { readonly sha256: string, readonly options: EncodeOptions }

/**
 * Entries are written atomically; an entry that cannot be read counts as missing.
 *
 * @param recipe identifies all that embeddings depend on, such as `encodingHash` of src/startup.ts. Recipes share no entries.
 */
export function createPhotoCache (folder: string, recipe: string): PhotoCache {
  const home = join(folder, recipe.slice(0, 16))
  const fileOf = ({ sha256: photo, options }: PhotoKey): string => {
    const asked = sha256(JSON.stringify([options.boxes ?? null, options.context === true])).slice(0, 16)
    return join(home, photo.slice(0, 2), `${photo}-${asked}.json`)
  }
  return {
    async get (key) {
      try {
        return deserialize(await readFile(fileOf(key), 'utf8'))
      } catch {
        return undefined
      }
    },
    async put (key, encoded) {
      const file = fileOf(key)
      await mkdir(dirname(file), { recursive: true })
      await writeAtomic(file, serialize(encoded))
    }
  }
}

type Stored = Omit<EncodedMention, 'face' | 'context'> & { face: string, context?: string }

function serialize (image: Encoded): string {
  if ('refused' in image) return JSON.stringify(image)
  const mentions = image.mentions.map(({ face, context, ...rest }): Stored => ({
    ...rest,
    face: toBase64(face),
    ...(context !== undefined && { context: toBase64(context) })
  }))
  return JSON.stringify({ ...image, mentions })
}

function deserialize (text: string): Encoded {
  const stored = JSON.parse(text) as Omit<EncodedImage, 'mentions'> & { mentions: Stored[] } | { refused: string }
  if ('refused' in stored) return stored
  return {
    ...stored,
    mentions: stored.mentions.map(({ face, context, ...rest }) => ({
      ...rest,
      face: fromBase64(face),
      ...(context !== undefined && { context: fromBase64(context) })
    }))
  }
}
