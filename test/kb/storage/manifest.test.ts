import { describe, expect, it } from 'vitest'
import type { Calibration } from '../../../src/kb/calibration.ts'
import { indexManifest, indexVersion, type IndexManifest } from '../../../src/kb/storage/manifest.ts'
import { calibration } from '../../helpers/calibration.ts'

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
    expect(indexVersion(manifest({ ...calibration, linkFrom: 0.9 }))).not.toBe(indexVersion(manifest(calibration)))
  })
})
