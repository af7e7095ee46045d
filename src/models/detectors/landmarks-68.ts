// Landmarks for detectors without them: 68 points of a face box, reduced to five.
import type { Box, Landmarks, Point } from '../../types.ts'
import type { Session } from '../../runtime/types.ts'
import type { LandmarkLocator, LocatedLandmarks } from '../types.ts'
import type { LandmarksManifest } from '../../packs/manifest.ts'
import { frameToBox } from '../../image/affine.ts'
import { area, scaleBox, shiftBox } from '../../image/box.ts'
import { createWarpToTensor } from '../../image/warp-to-tensor.ts'

/**
 * The box of a detector is off by some px, and the points move with it. They are therefore located in several scaled and
 * shifted (by a share of the width) copies of the box and averaged: a run costs far less than an embedding, and on the dev
 * sets five copies link more people correctly than one.
 */
const JITTER = [
  { scale: 1, dx: 0 },
  { scale: 1.1, dx: 0 },
  { scale: 1.2, dx: 0 },
  { scale: 1.05, dx: 0.04 },
  { scale: 1.05, dx: -0.04 }
] as const

/**
 * Input: the grey face box. Output: float32 `[1, 136]`, x and y of 68 points in 0..1 of the box, in the order of iBUG 300-W:
 * 36-41 left eye, 42-47 right eye (sides of the image), 30 tip of the nose, 48 and 54 corners of the mouth.
 */
export function createLandmarks68 (session: Session, manifest: LandmarksManifest): LandmarkLocator {
  const { width, height } = manifest.input
  const input = session.inputs[0]!.name
  const output = session.outputs[0]!
  const read = createWarpToTensor(manifest.input)
  return {
    async locate (pyramid, boxes) {
      const located: LocatedLandmarks[] = []
      for (const box of boxes) {
        const estimates: Landmarks[] = []
        for (const { scale, dx } of JITTER) {
          const jittered = shiftBox(scaleBox(box, scale), dx * (box.x2 - box.x1))
          const results = await session.run({ [input]: read(pyramid, [frameToBox(jittered, width, height)]) })
          estimates.push(five(results[output]!.data as Float32Array, jittered))
        }
        located.push({ landmarks: mean(estimates), spread: spreadOf(estimates, box) })
      }
      return located
    }
  }
}

/** Five of the 68 points, px of the original: each eye is the mean of its outline. */
function five (points: Float32Array, box: Box): Landmarks {
  const at = (first: number, last = first): Point => {
    let x = 0
    let y = 0
    for (let i = first; i <= last; i++) {
      x += points[2 * i]!
      y += points[2 * i + 1]!
    }
    const n = last - first + 1
    return { x: box.x1 + x / n * (box.x2 - box.x1), y: box.y1 + y / n * (box.y2 - box.y1) }
  }
  return [at(36, 41), at(42, 47), at(30), at(48), at(54)]
}

function mean (estimates: readonly Landmarks[]): Landmarks {
  const point = (i: 0 | 1 | 2 | 3 | 4): Point => ({
    x: estimates.reduce((sum, landmarks) => sum + landmarks[i].x, 0) / estimates.length,
    y: estimates.reduce((sum, landmarks) => sum + landmarks[i].y, 0) / estimates.length
  })
  return [point(0), point(1), point(2), point(3), point(4)]
}

/** RMS distance of the points of all estimates from their mean, in sides of the box (square root of its area). */
function spreadOf (estimates: readonly Landmarks[], box: Box): number {
  const centre = mean(estimates)
  let squares = 0
  for (const landmarks of estimates) {
    for (const [i, point] of landmarks.entries()) squares += (point.x - centre[i]!.x) ** 2 + (point.y - centre[i]!.y) ** 2
  }
  return Math.sqrt(squares / (estimates.length * centre.length)) / Math.sqrt(area(box))
}
