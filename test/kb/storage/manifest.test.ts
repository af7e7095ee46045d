import { describe, expect, it } from 'vitest'
import type { Calibration } from '../../../src/kb/calibration.ts'
import { indexManifest, indexVersion, type IndexManifest } from '../../../src/kb/storage/manifest.ts'

const calibration: Calibration = {
  intercept: -1,
  terms: [{ feature: 'similarity', weight: 2, mean: 0.4, scale: 0.1, min: 0.2, max: 0.8 }],
  linkFrom: 0.7,
  ambiguousFrom: 0.5,
  targetFpir: 0.01,
  entities: 10,
  measured: { queries: 1, persons: 1, strangers: 1, folds: 2, ece: 0, fpir: 0, tpir: 0, created: '2026-01-01T00:00:00.000Z' }
}

const manifest = (given: Calibration): IndexManifest => ({
  formatVersion: 1,
  version: '0'.repeat(12),
  created: '2026-01-01T00:00:00.000Z',
  name: 'small',
  pack: 'embedded',
  counts: { entities: 1, withFace: 0 },
  spaces: {},
  decision: { threshold: 0.5, ambiguousMargin: 0.03, measuredOn: 'nothing' },
  calibration: given,
  files: { 'entities.jsonl': { sha256: 'a'.repeat(64), bytes: 1 } }
})

describe('indexVersion', () => {
  it('is the same before the manifest is written and after it is read, whatever the order of the members', () => {
    const built = manifest({ ...calibration, source: 'pack' })
    const read = indexManifest.parse(JSON.parse(JSON.stringify(built)))
    expect(Object.keys(read.calibration!)).not.toEqual(Object.keys(built.calibration!))
    expect(indexVersion(read)).toBe(indexVersion(built))
  })

  it('changes with the calibration', () => {
    expect(indexVersion(manifest({ ...calibration, linkFrom: 0.8 }))).not.toBe(indexVersion(manifest(calibration)))
  })
})
