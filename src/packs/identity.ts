// Which embeddings may be compared: those made by one encoder from one kind of crop.
import { errors } from '../errors.ts'
import { sha256 } from '../files.ts'
import type { ClipImageManifest, ClipTextManifest, FaceManifest, PackFile } from './manifest.ts'

/** Two embeddings are comparable where their `recipe` is the same; the rest is for people. */
export interface EncoderIdentity {
  readonly name: string
  /** Of the weights, hex. */
  readonly sha256: string
  /** Hash over all that shapes an embedding: weights, input, crop, views, dims. Hex. */
  readonly recipe: string
  readonly dims: number
}

/**
 * The identity of a pack's face encoder. Detector and landmarks are not part of it: they choose the crop more or less
 * well, but embeddings of either stay comparable.
 *
 * @throws VEL_ERR_WEIGHTS where the manifest does not know the hash of the weights yet.
 */
export function encoderIdentity (face: FaceManifest): EncoderIdentity {
  const hashes = hashesOf(face)
  const { input, crop, views, dims } = face
  return { name: face.name, sha256: hashes[0]!, recipe: recipeOf({ hashes: hashes.toSorted(), input, crop, views, dims }), dims }
}

/**
 * The identity of a pack's CLIP for one text field: both halves, since a context is compared to texts, and the prompt.
 * How the context is cropped is not part of it.
 *
 * @throws VEL_ERR_WEIGHTS where the manifest does not know the hash of the weights yet.
 */
export function clipIdentity (image: ClipImageManifest, text: ClipTextManifest, field: keyof ClipTextManifest['prompts']): EncoderIdentity {
  const hashes = hashesOf(text)
  const { input, dims } = image
  const { maxTokens, prompts } = text
  return { name: text.name, sha256: hashes[0]!, recipe: recipeOf({ image: hashesOf(image).toSorted(), text: hashes.toSorted(), input, dims, maxTokens, prompt: prompts[field] }), dims: text.dims }
}

function hashesOf ({ name, files }: { readonly name: string, readonly files: Readonly<Record<string, PackFile>> }): string[] {
  const hashes = Object.values(files).map(file => file.sha256)
  if (hashes.length === 0 || hashes.includes(null)) throw errors.weights(name, 'the sha256 of its weights in the manifest', 'none; `vel models fetch` records it')
  return hashes as string[]
}

const recipeOf = (parts: object): string => sha256(JSON.stringify(canonical(parts)))

/** The same value with its keys in one order, so that equal values have equal JSON. */
function canonical (value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined).sort(([a], [b]) => a < b ? -1 : 1).map(([k, v]) => [k, canonical(v)]))
}
