// The real linker and a real live index behind a fake encoder: a "photo" is JSON that lists its faces.
import type { Engine } from '../../src/workers/engine.ts'
import type { EncodedMention } from '../../src/types.ts'
import { createLinker, type Linker } from '../../src/linker.ts'
import type { LinkCache } from '../../src/replicas/link-cache.ts'
import type { LiveIndex } from '../../src/kb/live/live-index.ts'
import { errors } from '../../src/errors.ts'
import { identity } from './build-small-index.ts'
import { vectors } from './open-live-index.ts'

interface DrawnFace {
  readonly vector: number
  readonly size?: number
  readonly sharpness?: number
  /** Left edge of its box, px. */
  readonly left?: number
  readonly featureNorm?: number
}

export const photo = (...faces: DrawnFace[]): Buffer => Buffer.from(JSON.stringify(faces))

const engine: Engine = {
  async encode (bytes, { boxes } = {}) {
    let faces: DrawnFace[]
    try {
      faces = JSON.parse(Buffer.from(bytes).toString()) as DrawnFace[]
    } catch {
      throw errors.undecodable('it is not a drawn photo')
    }
    const mentions = faces.map(({ vector, size = 100, sharpness = 300, left = 0, featureNorm }): EncodedMention => ({
      box: { x1: left, y1: 0, x2: left + size, y2: size },
      landmarks: [{ x: 1, y: 1 }, { x: 2, y: 1 }, { x: 1.5, y: 2 }, { x: 1, y: 3 }, { x: 2, y: 3 }],
      detectionScore: 0.99,
      quality: { faceSizePx: size, sharpness, featureNorm },
      face: vectors[vector]!
    })).filter(({ box }) => boxes === undefined || boxes.some(({ x1 }) => x1 === box.x1))
    return { width: 640, height: 480, mentions, facesFound: mentions.length, facesRejected: 0, turnedBy: 0, timings: { decode: 1 } }
  },
  embedTexts: async () => { throw new Error('Expected no texts of a pack without CLIP') },
  models: [{ role: 'face', name: 'drawn', sha256: 'a'.repeat(64), provider: 'cpu' }],
  stats: () => ({ workers: 1, busy: 0, queued: 0, restarts: 0, pids: [] }),
  close: async () => {}
}

export function createLiveLinker (live: LiveIndex, results?: LinkCache): Linker {
  return createLinker({
    engine,
    live,
    pack: { models: { face: { dims: identity.dims, minFeatureNorm: { face: 1, mention: 2, reference: 2.3, enrolment: 2.5 } } } },
    recipe: identity.recipe,
    workers: 1,
    maxQueue: 8,
    cache: results === undefined ? undefined : { results, settings: {} }
  })
}
