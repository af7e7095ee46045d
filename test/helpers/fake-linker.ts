// A small linker of our own interface: decodes with the real sharp, finds no faces or one, and can be slow or faulty.
import type { EncodedMention, Entity, LinkedImage } from '../../src/types.ts'
import type { Linker, Readiness } from '../../src/linker.ts'
import { errors } from '../../src/errors.ts'
import { decode } from '../../src/encode/decode.ts'

export const BUSH: Entity = {
  id: 'Q207',
  name: 'George W. Bush',
  description: 'president of the United States from 2001 to 2009',
  aliases: ['Dubya']
}

export interface FakeLinker extends Linker {
  /** The abort signal of each image, in order. */
  readonly signals: AbortSignal[]
  closed: boolean
}

export interface FakeSettings {
  readonly maxPixels?: number
  /** Runs before the image is linked: wait, or throw. */
  readonly before?: (signal: AbortSignal | undefined) => Promise<void>
  readonly faces?: boolean
}

const MODEL = { role: 'face', name: 'fake', sha256: 'a'.repeat(64), provider: 'cpu' }
const INDEX = { name: 'fake', version: '1', entities: 1 }
const READY: Readiness = {
  ready: true,
  models: { state: 'ready', list: [MODEL] },
  index: { state: 'ready', info: INDEX },
  cache: { state: 'off' },
  modes: ['v2v'],
  blocked: 0,
  engine: { workers: 1, workersReady: 1, queued: 0, maxQueue: 32, running: 0 }
}

export function createFakeLinker ({ maxPixels = 100_000_000, before, faces = true }: FakeSettings = {}): FakeLinker {
  const signals: AbortSignal[] = []
  const linkImage: Linker['linkImage'] = async (bytes, options, signal) => {
    if (signal !== undefined) signals.push(signal)
    if (options.mode !== undefined && options.mode !== 'v2v') {
      throw errors.modeUnavailable('v2v', options.mode, 'the pack has no text encoder')
    }
    await before?.(signal)
    const { width, height } = await decode(bytes, { maxPixels, workingPixels: 1_000_000 })
    const boxes = options.boxes ?? (faces ? [{ x1: 0, y1: 0, x2: width, y2: height }] : [])
    const mentions = boxes.map((box): EncodedMention => ({
      box,
      landmarks: [{ x: 1, y: 1 }, { x: 2, y: 1 }, { x: 1.5, y: 2 }, { x: 1, y: 3 }, { x: 2, y: 3 }],
      detectionScore: options.boxes === undefined ? 0.99 : null,
      quality: { faceSizePx: 1, sharpness: 1 },
      face: new Float32Array([1])
    }))
    const linked: LinkedImage = {
      width,
      height,
      facesFound: mentions.length,
      facesRejected: 0,
      turnedBy: 0,
      index: INDEX,
      models: [MODEL],
      timings: { decode: 1.234, detect: 2 },
      links: mentions.map(mention => ({
        mention,
        status: 'linked',
        entity: BUSH,
        probability: 0.97,
        candidates: [{ rank: 1, entity: BUSH, score: 0.7, similarity: { face: 0.7 } }]
      }))
    }
    return linked
  }
  const linker: FakeLinker = {
    signals,
    closed: false,
    linkImage,
    entity: id => id === BUSH.id ? BUSH : undefined,
    images: () => [],
    find: async () => ({ entities: [BUSH], next: null }),
    editor: {
      put: async (id, given) => ({ entity: { ...BUSH, ...given, id }, created: id !== BUSH.id }),
      remove: async id => { if (id !== BUSH.id) throw errors.notFound('an entity of the index', id) },
      addImage: async () => ({ image: '0123456789abcdef', created: true, notes: [] }),
      removeImage: async () => {},
      block: async () => true,
      unblock: async () => {},
      blocklist: () => [],
      reload: async () => INDEX
    },
    readiness: () => READY,
    close: async () => { linker.closed = true }
  }
  return linker
}
