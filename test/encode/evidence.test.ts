import { describe, expect, it } from 'vitest'
import type { Box, EncodedMention, Quality } from '../../src/types.ts'
import type { EncodingModels, FaceDetector } from '../../src/models/types.ts'
import { mergeOverlaps, rejectNoFaces } from '../../src/encode/evidence.ts'
import { Pyramid } from '../../src/image/pyramid.ts'

type More = Partial<Pick<EncodedMention, 'lacks' | 'detectionScore'>> & Partial<Quality>

/** A mention whose face points at an angle: two faces are cos(a - b) similar. */
function mention (box: Box, degrees: number, more: More = {}): EncodedMention {
  const { lacks, detectionScore = 0.9, ...quality } = more
  const face = Float32Array.of(Math.cos(degrees * Math.PI / 180), Math.sin(degrees * Math.PI / 180))
  const at = { x: box.x1, y: box.y1 }
  const landmarks = [at, at, at, at, at] as const
  return { box, landmarks, detectionScore, quality: { faceSizePx: 100, sharpness: 300, featureNorm: 3.5, ...quality }, face, lacks }
}

/** A box of 100 x 100 px, moved to the right. */
const square = (right: number, side = 100): Box => ({ x1: right, y1: 0, x2: right + side, y2: side })

describe('mergeOverlaps', () => {
  const both = (a: EncodedMention, b: EncodedMention): EncodedMention[] => {
    const merged = mergeOverlaps([a, b])
    expect(new Set(mergeOverlaps([b, a]))).toEqual(new Set(merged))
    return merged
  }

  it('keeps the better of two boxes of one face, in either order', () => {
    const [better, other] = [mention(square(0), 0, { featureNorm: 3.6 }), mention(square(40), 30)]
    expect(both(better, other)).toEqual([better])
  })

  it('prefers the detection score at equal norms, and a usable face to any norm', () => {
    const [sure, unsure] = [mention(square(0), 0, { detectionScore: 0.99 }), mention(square(20), 0, { detectionScore: 0.8 })]
    expect(both(sure, unsure)).toEqual([sure])
    const [usable, long] = [mention(square(0), 0, { featureNorm: 2.1 }), mention(square(20), 0, { featureNorm: 5, lacks: 'a reason' })]
    expect(both(usable, long)).toEqual([usable])
  })

  it('keeps two people whose boxes overlap', () => {
    const [one, other] = [mention(square(0), 0), mention(square(40), 70)]
    expect(both(one, other)).toEqual([one, other])
  })

  it('drops what says too little over a face, whatever its embedding', () => {
    const [face, part] = [mention(square(0), 0), mention(square(50), 90, { featureNorm: 1.9, lacks: 'a reason' })]
    expect(both(face, part)).toEqual([face])
  })

  it('keeps one face twice where the boxes hardly overlap: a mirror, a collage', () => {
    // IoU .25 is an overlap of 40 px: 40 / 160.
    const better = mention(square(0), 0, { featureNorm: 3.6 })
    expect(both(better, mention(square(61), 0))).toHaveLength(2)
    expect(both(better, mention(square(60), 0))).toEqual([better])
  })

  it('merges a small box inside a large one', () => {
    const [large, small] = [mention(square(0), 0, { featureNorm: 3.6 }), mention(square(10, 30), 20)]
    expect(both(large, small)).toEqual([large])
  })

  it('keeps the order of those that stay', () => {
    const [a, b] = [mention(square(0), 0, { featureNorm: 2.5 }), mention(square(300), 0)]
    const [c, d] = [mention(square(310), 0, { featureNorm: 3 }), mention(square(600), 0)]
    expect(mergeOverlaps([a, b, c, d])).toEqual([a, b, d])
    expect(mergeOverlaps([])).toEqual([])
  })
})

describe('rejectNoFaces', () => {
  const picture = new Pyramid({ data: new Uint8Array(3), width: 1, height: 1 }, 1000, 1000)
  const judged = {
    face: { minFeatureNorm: { face: 1.75, mention: 2, reference: 2.3, enrolment: 2.5 } },
    landmarks: { maxSpread: { mention: 0.02, reference: 0.02, enrolment: 0.015 } }
  }
  const lacks = 'a reason'

  /** A detector that confirms the boxes from 500 px on; `asked` are those it was asked about. */
  function detectorOf (): { detector: FaceDetector, asked: Box[] } {
    const asked: Box[] = []
    const confirm = async (_: Pyramid, box: Box): Promise<boolean> => {
      asked.push(box)
      return box.x1 >= 500
    }
    return { asked, detector: { locatesLandmarks: false, detect: async () => [], confirm } }
  }
  const modelsOf = (detector: FaceDetector, limits: object = judged): EncodingModels =>
    ({ detector, judged: limits }) as unknown as EncodingModels

  it('asks the detector only about faces whose landmarks do not settle and whose norm is not too small', async () => {
    const usable = mention(square(0), 0, { featureNorm: 3.5, landmarkSpread: 0.005 })
    const settled = mention(square(100), 0, { featureNorm: 1.5, landmarkSpread: 0.02, lacks })
    const junk = mention(square(200), 0, { featureNorm: 1.74, landmarkSpread: 0.05, lacks })
    const unseen = mention(square(300), 0, { featureNorm: 1.75, landmarkSpread: 0.05, lacks })
    const seen = mention(square(500), 0, { featureNorm: 2.6, landmarkSpread: 0.021, lacks })
    const { detector, asked } = detectorOf()
    expect(await rejectNoFaces([usable, settled, junk, unseen, seen], picture, modelsOf(detector))).toEqual([usable, settled, seen])
    expect(asked).toEqual([unseen.box, seen.box])
  })

  it('rejects only small norms with a detector that cannot look again', async () => {
    const junk = mention(square(0), 0, { featureNorm: 1.7, landmarkSpread: 0.05, lacks })
    const doubtful = mention(square(0), 0, { featureNorm: 2.4, landmarkSpread: 0.05, lacks })
    const { confirm: _, ...detector } = detectorOf().detector
    expect(await rejectNoFaces([junk, doubtful], picture, modelsOf(detector))).toEqual([doubtful])
  })

  it('asks the detector alone for a pack without limits', async () => {
    const [unseen, seen] = [mention(square(0), 0, { lacks }), mention(square(500), 0, { lacks })]
    const models = modelsOf(detectorOf().detector, { face: {}, landmarks: undefined })
    expect(await rejectNoFaces([unseen, seen], picture, models)).toEqual([seen])
  })
})
