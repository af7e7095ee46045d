// What an encoded photo depends on, as one hash: the pack's models, the settings, and the code that a worker runs.
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import sharp from 'sharp'
import type { PackManifest } from '../packs/manifest.ts'
import { sha256 } from '../eval/photo-cache.ts'

const WORKER = new URL(import.meta.url.endsWith('.ts') ? '../engine/worker.ts' : '../engine/worker.js', import.meta.url)

/**
 * @param settings of the encoding, such as how small a face is looked for.
 * @param program the file that a worker starts from.
 * @returns sha256, hex.
 */
export async function recipeOf (pack: PackManifest, settings: object, program = WORKER): Promise<string> {
  const code = new Map<string, string>()
  await follow(program, code)
  const runtime = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string }
  return sha256(JSON.stringify([pack.models, settings, [...code.values()].sort(), sharp.versions, runtime.version]))
}

/** Reads `file` and all files that it imports by a relative path. */
async function follow (file: URL, read: Map<string, string>): Promise<void> {
  if (read.has(file.href)) return
  read.set(file.href, '')
  const text = await readFile(file, 'utf8')
  read.set(file.href, sha256(text))
  for (const [, path] of text.matchAll(/\bfrom '(\.[^']+)'/g)) await follow(new URL(path!, file), read)
}
