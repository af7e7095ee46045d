// The messages between the server and its workers: image files to mentions, and texts of entities to embeddings. Pixels and
// tensors never leave the worker. Messages are structured clones (`serialization: 'advanced'`), so bytes are not encoded.
import type { EncodedImage, EncodeOptions, Entity, ModelInfo, TextEmbeddings, TextSpace } from '../types.ts'
import type { PackManifest } from '../packs/manifest.ts'
import type { EncodingSettings } from '../encode/encode-image.ts'
import type { TilePlan } from '../models/detectors/tiled.ts'
import { errors, isVelError } from '../errors.ts'

export interface WorkerSettings {
  readonly pack: PackManifest
  /** Folder to which the file paths of the pack are relative. */
  readonly modelsDir: string
  readonly settings: EncodingSettings & TilePlan
  /** Execution providers in order of preference. */
  readonly providers: readonly string[]
  /** Threads inside one operator. */
  readonly threads: number
  /** Index of the CUDA device, from 0. */
  readonly device: number
}

/** A serialised error; `code` and `statusCode` only for errors of `errors.ts`, `stack` only for others. */
export interface WireError {
  readonly message: string
  readonly stack?: string | undefined
  readonly code?: string | undefined
  readonly statusCode?: number | undefined
}

export type ToWorker =
  | { readonly type: 'start', readonly settings: WorkerSettings }
  | { readonly type: 'encode', readonly id: number, readonly bytes: Uint8Array, readonly options: EncodeOptions }
  | {
    readonly type: 'embed'
    readonly id: number
    readonly entity: Pick<Entity, 'name' | 'description'>
    readonly fields: readonly TextSpace[]
  }

export type FromWorker =
  | { readonly type: 'ready', readonly models: readonly ModelInfo[] }
  | { readonly type: 'failed', readonly error: WireError }
  | { readonly type: 'warning', readonly message: string }
  | { readonly type: 'beat' }
  | { readonly type: 'encoded', readonly id: number, readonly image: EncodedImage }
  | { readonly type: 'embedded', readonly id: number, readonly embeddings: TextEmbeddings }
  | { readonly type: 'refused', readonly id: number, readonly error: WireError }

export function toWire (error: unknown): WireError {
  if (isVelError(error)) return { message: error.message, code: error.code, statusCode: error.statusCode }
  return error instanceof Error ? { message: error.message, stack: error.stack } : { message: String(error) }
}

/** Rebuilds an error of `errors.ts` with code and status; any other becomes VEL_ERR_INTERNAL with the original as its cause. */
export function fromWire (wire: WireError): Error {
  const error = new Error(wire.message)
  if (wire.code !== undefined) return Object.assign(error, { name: 'FastifyError', code: wire.code, statusCode: wire.statusCode })
  if (wire.stack !== undefined) error.stack = wire.stack
  return Object.assign(errors.internal(), { cause: error })
}
