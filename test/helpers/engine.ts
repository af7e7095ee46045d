// Options of an engine with the embedded pack, and pictures drawn for it.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { setTimeout as delay } from 'node:timers/promises'
import sharp from 'sharp'
import type { EngineOptions } from '../../src/workers/engine.ts'
import { readPackManifest } from '../../src/packs/manifest.ts'

export const modelsDir = fileURLToPath(new URL('../../models/', import.meta.url))
export const hasEmbedded = existsSync(new URL('../../models/embedded/fr_feature.onnx', import.meta.url))
if (!hasEmbedded) {
  if (process.env['CI'] !== undefined) throw new Error('Expected the embedded pack in CI, found none; run `vel models fetch embedded`')
  console.warn('SKIPPED: tests that need the embedded pack; run `vel models fetch embedded`')
}

export const encodingSettings = {
  maxPixels: 50_000_000,
  workingPixels: 4_000_000,
  maxFaces: 32,
  minFacePx: 24,
  searchFacePx: 24,
  step: 2,
  maxTiles: 64
}

export async function embeddedOptions (): Promise<EngineOptions> {
  return {
    pack: await readPackManifest('embedded', modelsDir),
    modelsDir,
    settings: encodingSettings,
    providers: ['cpu'],
    threads: 1,
    workers: 1,
    maxQueue: 8
  }
}

/** A JPEG of noise: cheap to make, not cheap to encode. */
export async function noiseJpeg (width = 320, height = 240): Promise<Buffer> {
  return await sharp({ create: { width, height, channels: 3, background: '#888', noise: { type: 'gaussian', mean: 128, sigma: 40 } } })
    .jpeg()
    .toBuffer()
}

/** Waits until `done`, at most twenty seconds. */
export async function until (done: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 2000; i++) {
    if (done()) return
    await delay(10)
  }
  throw new Error(`Expected ${what} within twenty seconds, it did not happen`)
}

export function isAlive (pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
