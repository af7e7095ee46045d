// Encoded photos on disk, by the photo's bytes and the recipe that encoded them, so that a second evaluation is quick.
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { EncodedImage, EncodedMention, EncodeOptions } from '../types.ts'
import type { PackManifest } from '../packs/manifest.ts'

export interface PhotoCache {
  get: (photo: PhotoKey) => Promise<EncodedImage | undefined>
  put: (photo: PhotoKey, image: EncodedImage) => Promise<void>
  /** Forgets all that this recipe encoded. */
  clear: () => Promise<void>
}

/** Content of the photo, as sha256 in hex, and what was asked of it. */
export interface PhotoKey { readonly sha256: string, readonly options: EncodeOptions }

const FORMAT = 1

/** What an embedding depends on: the pack's models, with their weights, decoders and crops. */
export function recipeOf (pack: PackManifest): string {
  return sha256(JSON.stringify([FORMAT, pack.models]))
}

/** Entries are written aside and renamed; one that cannot be read is as good as none. */
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
    async put (key, image) {
      const file = fileOf(key)
      const aside = `${file}.${randomUUID()}`
      await mkdir(dirname(file), { recursive: true })
      await writeFile(aside, serialize(image))
      await rename(aside, file)
    },
    clear: async () => { await rm(home, { recursive: true, force: true }) }
  }
}

export function sha256 (content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}

type Stored = Omit<EncodedMention, 'face' | 'context'> & { face: string, context?: string }

function serialize (image: EncodedImage): string {
  const mentions = image.mentions.map(({ face, context, ...rest }): Stored => ({ ...rest, face: toBase64(face), ...(context !== undefined && { context: toBase64(context) }) }))
  return JSON.stringify({ ...image, mentions })
}

function deserialize (text: string): EncodedImage {
  const stored = JSON.parse(text) as Omit<EncodedImage, 'mentions'> & { mentions: Stored[] }
  return { ...stored, mentions: stored.mentions.map(({ face, context, ...rest }) => ({ ...rest, face: fromBase64(face), ...(context !== undefined && { context: fromBase64(context) }) })) }
}

function toBase64 (v: Float32Array): string {
  return Buffer.from(v.buffer, v.byteOffset, v.byteLength).toString('base64')
}

function fromBase64 (text: string): Float32Array {
  return new Float32Array(new Uint8Array(Buffer.from(text, 'base64')).buffer)
}
