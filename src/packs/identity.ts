// Which embeddings may be compared: those made by one encoder from one kind of crop.
import { createHash } from 'node:crypto'
import { errors } from '../errors.ts'
import type { FaceManifest } from './manifest.ts'

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
  const hashes = Object.values(face.files).map(file => file.sha256)
  const [first] = hashes
  if (first === undefined || first === null || hashes.includes(null)) throw errors.weights(face.name, 'the sha256 of its weights in the manifest', 'none; `vel models fetch` records it')
  const { input, crop, views, dims } = face
  const recipe = createHash('sha256').update(JSON.stringify(canonical({ hashes: [...hashes].sort(), input, crop, views, dims }))).digest('hex')
  return { name: face.name, sha256: first, recipe, dims }
}

/** The same value with its keys in one order, so that equal values have equal JSON. */
function canonical (value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined).sort(([a], [b]) => a < b ? -1 : 1).map(([k, v]) => [k, canonical(v)]))
}
