// A pack's manifest to its text encoder: opened by what builds an index, not by what serves one.
import { join } from 'node:path'
import type { ModelInfo } from '../types.ts'
import type { ClipTextEncoder } from '../ports.ts'
import type { PackManifest } from '../packs/manifest.ts'
import { errors } from '../errors.ts'
import { createClipText } from './encoders/clip-text.ts'
import type { OpenSession } from './load.ts'
import { readTokenizer } from './encoders/tokenizer.ts'

export interface LoadedTextEncoder {
  readonly encoder: ClipTextEncoder
  readonly info: ModelInfo
  close: () => Promise<void>
}

/**
 * Opens the files `model` and `tokenizer` of the pack's CLIP text encoder.
 *
 * @throws VEL_ERR_PACK where the pack has none or lacks a file, VEL_ERR_WEIGHTS where graph and tokenizer do not fit.
 */
export async function loadTextEncoder (pack: PackManifest, modelsDir: string, open: OpenSession): Promise<LoadedTextEncoder> {
  const manifest = pack.models.clipText
  if (manifest === undefined) throw errors.pack(pack.name, 'a CLIP text encoder, to embed texts', 'none; choose a pack that has one: see `vel models list`')
  const { model, tokenizer } = manifest.files
  if (model === undefined || tokenizer === undefined) throw errors.pack(pack.name, 'files "model" and "tokenizer" for the CLIP text encoder', `only ${Object.keys(manifest.files).map(f => `"${f}"`).join(', ') || 'none'}`)
  const words = await readTokenizer(join(modelsDir, tokenizer.path), pack.name)
  const session = await open(join(modelsDir, model.path))
  try {
    const encoder = await createClipText(session, words, manifest, pack.name)
    return { encoder, info: { role: 'clipText', name: manifest.name, sha256: model.sha256 ?? '', provider: session.provider }, close: session.close }
  } catch (error) {
    await session.close()
    throw error
  }
}
