import { expect, it } from 'vitest'
import { readPackManifest, withViews } from '../src/packs/manifest.ts'
import { encodingHash } from '../src/startup.ts'

it('what an encoded photo depends on changes with the models and the settings, and not with how it is decided', async () => {
  const pack = await readPackManifest('embedded', 'models')
  const hash = encodingHash(pack, { minFacePx: 8 })
  expect(hash).toMatch(/^[0-9a-f]{64}$/)
  expect(encodingHash({ ...pack, decision: { ...pack.decision, threshold: 0 } }, { minFacePx: 8 })).toBe(hash)
  expect(encodingHash(withViews(pack, 'plain'), { minFacePx: 8 })).not.toBe(hash)
  expect(encodingHash(pack, { minFacePx: 9 })).not.toBe(hash)
})
