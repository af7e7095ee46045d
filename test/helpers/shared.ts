// Photos and weights beside the project, read in place. Without them tests skip with a warning; in CI that fails.
import { existsSync } from 'node:fs'
import { describe } from 'vitest'

export const shared = new URL('../../../shared/', import.meta.url)
export const hasShared = existsSync(shared)

if (!hasShared) {
  if (process.env['CI'] !== undefined) throw new Error('Expected ../shared beside the project in CI, found nothing there')
  console.warn('SKIPPED: tests that need ../shared (photos, weights), which is not there')
}

export const describeWithShared = hasShared ? describe : describe.skip
