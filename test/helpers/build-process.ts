// Program of a child process: builds an index with slow encoders of seeded vectors, and sends each step. Killed in tests.
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { buildIndex } from '../../src/kb/build/build-index.ts'
import { readPackManifest } from '../../src/packs/manifest.ts'
import type { ClipTextEncoder } from '../../src/models/types.ts'
import { TEXT_SPACES, type EncodedImage, type MentionEncoder } from '../../src/types.ts'
import { seededVectors } from './build-small-index.ts'

/** One face per photo, with a vector that depends on the bytes alone; no face for bytes that start with "none". */
const encoder: MentionEncoder = {
  async encode (bytes): Promise<EncodedImage> {
    process.send?.('encode')
    await sleep(3)
    const seed = createHash('sha256').update(bytes).digest().readUInt32LE()
    const point = { x: 5, y: 5 }
    const mention = {
      box: { x1: 0, y1: 0, x2: 10, y2: 10 },
      landmarks: [point, point, point, point, point] as const,
      detectionScore: 1,
      quality: { faceSizePx: 10, sharpness: 1 },
      face: seededVectors(1, seed, 512)[0]!
    }
    const mentions = Buffer.from(bytes).toString().startsWith('none') ? [] : [mention]
    return { width: 10, height: 10, mentions, facesFound: mentions.length, facesRejected: 0, turnedBy: 0, timings: {} }
  },
  close: async () => {}
}

const textEncoder: ClipTextEncoder = {
  dims: 512,
  prompt: ({ name, description }, field) => field === 'name' ? name : `${name}, ${description}`,
  async encode (texts) {
    await sleep(3)
    for (const text of texts) process.send?.({ text })
    return texts.map(text => seededVectors(1, createHash('sha256').update(text).digest().readUInt32LE(), 512)[0]!)
  }
}

const [entities, out, texts] = process.argv.slice(2)
const pack = await readPackManifest(texts === 'texts' ? 'newsroom' : 'embedded', fileURLToPath(new URL('../../models/', import.meta.url)))
await buildIndex({
  entities: [entities!],
  out: out!,
  name: 'killed',
  encoder,
  pack,
  encodingHash: 'test',
  concurrency: 4,
  texts: texts === 'texts' ? { encoder: textEncoder, fields: TEXT_SPACES } : undefined,
  onProgress: () => { process.send?.('step') }
})
process.disconnect?.()
