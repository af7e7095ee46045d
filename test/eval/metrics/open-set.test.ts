import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { describe, expect, it } from 'vitest'
import { openSetCurve, pointAtFpir, type MatedSearch } from '../../../src/eval/metrics/open-set.ts'

const random = xoroshiro128plus(7)
const score = (): number => uniformInt(random, 0, 12) === 0 ? -Infinity : uniformInt(random, 0, 20) / 20

describe('FPIR and TPIR', () => {
  it('agree with the definition at every threshold, with ties and searches that found no face', () => {
    for (let n = 0; n < 300; n++) {
      const mated: MatedSearch[] = Array.from({ length: uniformInt(random, 1, 30) }, () => ({
        score: score(),
        right: uniformInt(random, 0, 3) > 0
      }))
      const strangers = Array.from({ length: uniformInt(random, 1, 30) }, score)
      const curve = openSetCurve(mated, strangers)
      for (const { threshold, fpir, tpir } of curve) {
        expect(fpir).toBeCloseTo(strangers.filter(s => s >= threshold).length / strangers.length, 12)
        expect(tpir).toBeCloseTo(mated.filter(m => m.right && m.score >= threshold).length / mated.length, 12)
      }
      for (const target of [0, 0.01, 0.1, 0.5, 1]) {
        const best = Math.max(
          0,
          ...[...strangers, ...mated.map(m => m.score)]
            .filter(t => t > -Infinity && strangers.filter(s => s >= t).length <= target * strangers.length)
            .map(t => mated.filter(m => m.right && m.score >= t).length / mated.length)
        )
        const point = pointAtFpir(curve, target)
        expect(point.fpir).toBeLessThanOrEqual(target)
        expect(point.tpir).toBeCloseTo(best, 12)
      }
    }
  })

  it('lets nobody in where every stranger outscores every member', () => {
    const point = pointAtFpir(openSetCurve([{ score: 0.1, right: true }], [0.9, 0.9]), 0.01)
    expect(point).toEqual({ fpir: 0, tpir: 0, threshold: Infinity })
  })

  it('does not count a wrong name above the threshold as found', () => {
    expect(openSetCurve([{ score: 0.9, right: false }, { score: 0.8, right: true }], [0.1]).at(-1)!.tpir).toBe(0.5)
  })
})
