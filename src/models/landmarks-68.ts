// Landmarks for detectors that give boxes only: 68 points of a face box, of which five are kept.
import type { Landmarks, Point, Session } from '../types.ts'
import type { LandmarkLocator } from '../ports.ts'
import type { LandmarksManifest } from '../packs/manifest.ts'
import { frameToBox } from '../math/affine.ts'
import { toTensor } from './input.ts'

/**
 * Input: grey face box. Output: float32 `[1, 136]`, x and y of 68 points in 0..1 of the box, in the order of iBUG 300-W:
 * 36-41 the eye on the image's left, 42-47 the other, 30 the nose's tip, 48 and 54 the mouth's corners.
 */
export function createLandmarks68 (session: Session, manifest: LandmarksManifest): LandmarkLocator {
  const { width, height } = manifest.input
  const input = session.inputs[0]!.name
  const output = session.outputs[0]!
  return {
    async locate (pyramid, boxes) {
      const located: Landmarks[] = []
      for (const box of boxes) {
        const crop = pyramid.warp(frameToBox(box, width, height), width, height)
        const points = (await session.run({ [input]: toTensor([crop], manifest.input) }))[output]!.data as Float32Array
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
        located.push([at(36, 41), at(42, 47), at(30), at(48), at(54)])
      }
      return located
    }
  }
}
