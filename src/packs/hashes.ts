// `MODELS_DIR/hashes.json`: sha256 of files that a manifest does not pin, as they were first fetched.
// Keyed by path, not by pack, since packs share files.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { errors } from '../errors.ts'
import { writeAtomic } from '../files.ts'

const hashes = z.record(z.string(), z.strictObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/) }))

/** Recorded hash by path relative to MODELS_DIR. */
export type Hashes = z.infer<typeof hashes>

/** @throws VEL_ERR_INPUT where the file cannot be read or is not valid. */
export async function readHashes (modelsDir: string): Promise<Hashes> {
  let text: string
  try {
    text = await readFile(join(modelsDir, 'hashes.json'), 'utf8')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return {}
    throw errors.input('a readable hashes.json in MODELS_DIR', (error as Error).message)
  }
  try {
    return hashes.parse(JSON.parse(text))
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message
    throw errors.input('a valid hashes.json in MODELS_DIR', `${reason}; restore it, or remove it to record the hashes again`)
  }
}

/** Adds hashes to the recorded ones; a crash leaves the old file whole. */
export async function recordHashes (modelsDir: string, added: Hashes): Promise<void> {
  const hashes = { ...await readHashes(modelsDir), ...added }
  await writeAtomic(join(modelsDir, 'hashes.json'), JSON.stringify(hashes, null, 2) + '\n')
}
