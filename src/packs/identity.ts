// Which embeddings are comparable: those made by the same encoder from the same kind of crop.
import { errors } from '../errors.ts'
import { sha256 } from '../files.ts'
import type { ClipImageManifest, ClipTextManifest, FaceManifest, PackFile } from './manifest.ts'

/** Two embeddings are comparable where their `recipe` is equal; the other fields are informative. */
export interface EncoderIdentity {
  readonly name: string
  /** sha256 of the weights, hex. */
  readonly sha256: string
  /** sha256 over everything that shapes an embedding (weights, input, crop, views, dims), hex. */
  readonly recipe: string
  readonly dims: number
}

/**
 * The identity of a pack's face encoder. Detector and landmarks are excluded: they affect the quality of the crop, but
 * embeddings of crops by different detectors remain comparable.
 *
 * @throws VEL_ERR_WEIGHTS where the manifest does not pin the weights yet.
 */
export function encoderIdentity (face: FaceManifest): EncoderIdentity {
  const hashes = hashesOf(face)
  const { input, crop, views, dims } = face
  return { name: face.name, sha256: hashes[0]!, recipe: recipeOf({ hashes: hashes.toSorted(), input, crop, views, dims }), dims }
}

/**
 * The identity of a pack's CLIP for one text field: both encoders, since contexts are compared with texts, and the
 * field's prompt. The crop of the context is excluded.
 *
 * @throws VEL_ERR_WEIGHTS where the manifest does not pin the weights yet.
 */
export function clipIdentity (
  image: ClipImageManifest,
  text: ClipTextManifest,
  field: keyof ClipTextManifest['prompts']
): EncoderIdentity {
  const hashes = hashesOf(text)
  const { input, dims } = image
  const { maxTokens, prompts } = text
  const shaping = { image: hashesOf(image).toSorted(), text: hashes.toSorted(), input, dims, maxTokens, prompt: prompts[field] }
  return { name: text.name, sha256: hashes[0]!, recipe: recipeOf(shaping), dims: text.dims }
}

function hashesOf ({ name, files }: { readonly name: string, readonly files: Readonly<Record<string, PackFile>> }): string[] {
  const hashes = Object.values(files).map(file => file.sha256)
  if (hashes.length === 0 || hashes.includes(null)) {
    throw errors.weights(name, 'the sha256 of its weights in the manifest', 'none; `vel models fetch` records it')
  }
  return hashes as string[]
}

const recipeOf = (shaping: object): string => sha256(JSON.stringify(canonical(shaping)))

/** Sorts the keys of objects, so that equal values have equal JSON. */
function canonical (value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical)
  if (typeof value !== 'object' || value === null) return value
  const defined = Object.entries(value).filter(([, v]) => v !== undefined)
  return Object.fromEntries(defined.sort(([a], [b]) => a < b ? -1 : 1).map(([k, v]) => [k, canonical(v)]))
}
