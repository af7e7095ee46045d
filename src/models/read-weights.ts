// The bytes of a weights file, checked by the process that opens them: a file may be replaced between the check of a pack at boot
// and the start of another worker.
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errors } from '../errors.ts'
import { sha256, sha256File } from '../files.ts'
import type { PackFile } from '../packs/manifest.ts'

export interface Weights {
  /** The bytes that were hashed; null for a file too large to be held, which was hashed on disk. */
  readonly bytes: Uint8Array | null
  readonly path: string
  /** Of the bytes, hex. */
  readonly sha256: string
}

/** Largest file that is held, bytes: `readFile` is limited to 2 GiB. */
const MAX_HELD = 2 ** 30

/**
 * @param pack name of the pack, for messages.
 * @throws VEL_ERR_WEIGHTS for a file that cannot be read, or is not the one that the manifest pins.
 */
export async function readWeights (pack: string, modelsDir: string, file: PackFile): Promise<Weights> {
  const path = join(modelsDir, file.path)
  const refuse = (expected: string, received: string): Error =>
    errors.weights(pack, `${expected} in ${file.path}`, `${received}; fetch it again with \`vel models fetch ${pack}\``)
  const read = async (): Promise<Weights> => {
    const { size } = await stat(path)
    if (size > MAX_HELD) return { bytes: null, path, sha256: await sha256File(path) }
    const bytes = await readFile(path)
    return { bytes, path, sha256: sha256(bytes) }
  }
  const weights = await read().catch((error: unknown) => { throw refuse('a readable file', (error as Error).message) })
  if (file.sha256 !== null && weights.sha256 !== file.sha256) {
    throw refuse(`the weights of the manifest (sha256 ${file.sha256})`, `others (${weights.sha256})`)
  }
  return weights
}
