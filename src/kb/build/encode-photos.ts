// Reference photos to face embeddings, concurrently.
import { readFile, stat } from 'node:fs/promises'
import { pMapIterable } from 'p-map'
import { isVelError, isWorkerDeath } from '../../errors.ts'
import { sha256 } from '../../files.ts'
import type { EncodedImage, MentionEncoder } from '../../types.ts'
import { lackOf, type JudgedModels } from '../../packs/evidence.ts'
import { dominantFace } from '../dominant-face.ts'
import type { EntityWithPhotos, ReferencePhoto } from './read-entities.ts'
import type { PhotoOutcome, PhotoCheckpoint } from './photo-checkpoint.ts'

/** A photo of an entity after encoding. `key`: sha256 of its bytes, its key in the checkpoint; null where it cannot be read. */
export interface EncodedPhoto {
  readonly entityRow: number
  readonly photo: ReferencePhoto
  readonly key: string | null
  readonly outcome: PhotoOutcome | UnreadFile
}

/** A file whose bytes could not be read. */
interface UnreadFile { readonly kind: 'unread', readonly reason: 'missing' | 'unreadable', readonly detail: string }

interface PhotoOfEntity { readonly entityRow: number, readonly photo: ReferencePhoto }

interface Encoded extends EncodedPhoto { readonly face?: Float32Array | undefined }

/** Larger files are not read: they are not photos. */
const MAX_PHOTO_BYTES = 1 << 28

/**
 * Encodes every photo that is not in the checkpoint, and adds it there.
 *
 * @param encoder with the models that `judged` describes.
 * @param concurrency photos in flight.
 * @returns one result a photo, in order.
 */
export async function encodePhotos (
  entities: readonly EntityWithPhotos[],
  encoder: MentionEncoder,
  judged: JudgedModels,
  checkpoint: PhotoCheckpoint,
  concurrency: number,
  onDone: (done: number) => void
): Promise<EncodedPhoto[]> {
  const all: EncodedPhoto[] = []
  const encode = async ({ entityRow, photo }: PhotoOfEntity): Promise<Encoded> => {
    return { entityRow, photo, ...await encodePhoto(photo, encoder, judged, checkpoint) }
  }
  for await (const { face, ...result } of pMapIterable(allPhotos(entities), encode, { concurrency, backpressure: concurrency * 4 })) {
    if (result.key !== null && result.outcome.kind !== 'unread') await checkpoint.add(result.key, result.outcome, face)
    all.push(result)
    onDone(all.length)
  }
  return all
}

function * allPhotos (entities: readonly EntityWithPhotos[]): Generator<PhotoOfEntity> {
  for (const [entityRow, { photos }] of entities.entries()) for (const photo of photos) yield { entityRow, photo }
}

async function encodePhoto (
  photo: ReferencePhoto,
  encoder: MentionEncoder,
  judged: JudgedModels,
  checkpoint: PhotoCheckpoint
): Promise<Omit<Encoded, 'entityRow' | 'photo'>> {
  const bytes = await readPhoto(photo)
  if (!(bytes instanceof Uint8Array)) return { key: null, outcome: bytes }
  const key = sha256(bytes)
  const known = checkpoint.get(key)
  if (known !== undefined) return { key, outcome: known }
  try {
    const image = await encodeTwice(encoder, bytes)
    const mention = dominantFace(image)
    if (mention === undefined) return { key, outcome: { kind: 'none', reason: 'no face', detail: `${image.width}x${image.height} px` } }
    const { width: photoWidth, height: photoHeight, facesFound: faces } = image
    const lacks = lackOf(mention.quality, judged, 'reference')
    return { key, face: mention.face, outcome: { kind: 'face', faces, box: mention.box, photoWidth, photoHeight, lacks } }
  } catch (error) {
    // The photo's own fault is reported and the build goes on; ours ends it, and the next run resumes.
    if (isVelError(error) && (isWorkerDeath(error) || (error.statusCode >= 400 && error.statusCode < 500))) {
      return { key, outcome: { kind: 'none', reason: 'unreadable', detail: error.message } }
    }
    throw error
  }
}

/** Retries once where the worker died: the cause may be outside, such as a lack of memory. A photo that kills two workers is bad. */
async function encodeTwice (encoder: MentionEncoder, bytes: Uint8Array): Promise<EncodedImage> {
  try {
    return await encoder.encode(bytes)
  } catch (error) {
    if (isWorkerDeath(error)) return await encoder.encode(bytes)
    throw error
  }
}

async function readPhoto ({ path, label }: ReferencePhoto): Promise<Uint8Array | UnreadFile> {
  const unreadable = (detail: string): UnreadFile => ({ kind: 'unread', reason: 'unreadable', detail })
  try {
    const file = await stat(path)
    if (!file.isFile()) return unreadable(file.isDirectory() ? 'a folder, not a file' : 'not a file')
    if (file.size > MAX_PHOTO_BYTES) return unreadable(`${file.size} bytes; at most ${MAX_PHOTO_BYTES} are read`)
    return await readFile(path)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'unread', reason: 'missing', detail: `no such file${hintFor(label)}` }
    return unreadable(code === 'EACCES' ? 'no permission to read it' : message)
  }
}

/** Why a path may lead nowhere. */
function hintFor (label: string): string {
  if (/^[a-z][a-z+]+:\/\//i.test(label)) return '; it is an address, and only files are read: download it first'
  if (process.platform === 'win32' || !label.includes('\\')) return ''
  return `; its path has backslashes, which separate folders on Windows only: write ${label.replaceAll('\\', '/')}`
}
