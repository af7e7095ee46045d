// A valid calibration, for tests of what carries one.
import type { Calibration } from '../../src/kb/calibration.ts'

export const calibration: Calibration = {
  intercept: -1,
  terms: [{ feature: 'similarity', weight: 2, mean: 0.4, scale: 0.1, min: 0, max: 1 }],
  linkFrom: 0.8,
  ambiguousFrom: 0.5,
  targetFpir: 0.01,
  entities: 100,
  measured: { queries: 1, persons: 1, strangers: 1, folds: 2, ece: 0, fpir: 0, tpir: 0, created: '2026-01-01T00:00:00.000Z' }
}
