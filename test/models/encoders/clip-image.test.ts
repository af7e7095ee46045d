import { afterAll, describe, expect, test } from 'vitest'
import { openSession } from '../../../src/runtime/session.ts'
import { dot } from '../../../src/math/vector.ts'
import { createClipImage } from '../../../src/models/encoders/clip-image.ts'
import { toTensor } from '../../../src/image/to-tensor.ts'
import type { ClipImageManifest } from '../../../src/packs/manifest.ts'
import type { Raster } from '../../../src/types.ts'
import type { Session } from '../../../src/runtime/types.ts'
import { DIMS, imageGraph, SIDE, type Colour } from '../../helpers/colours.ts'
import { draw } from '../../helpers/drawn.ts'

const manifest: ClipImageManifest = {
  name: 'fixture',
  decoder: 'clip-image',
  files: {},
  licence: 'MIT',
  commercialUse: true,
  origin: 'test/helpers/colours.ts',
  input: { width: SIDE, height: SIDE, channels: 'rgb', mean: 127.5, std: 127.5 },
  dims: DIMS,
  context: 2
}
const sessions: Session[] = []
const open = async (graph: Uint8Array): Promise<Session> => {
  const session = await openSession(graph, { providers: ['cpu'], threads: 1 })
  sessions.push(session)
  return session
}
afterAll(async () => { await Promise.all(sessions.map(async s => await s.close())) })

const plain = (colour: Colour): Raster =>
  draw(SIDE, SIDE, () => [colour[0] * 127.5 + 127.5, colour[1] * 127.5 + 127.5, colour[2] * 127.5 + 127.5])
const unit = ([r, g, b]: Colour): number[] => {
  const length = Math.hypot(r, g, b)
  return [r / length, g / length, b / length, 0, 0, 0, 0, 0]
}

describe('createClipImage', () => {
  test('embeds each crop of a batch in order, at length 1', async () => {
    const encoder = createClipImage(await open(imageGraph()), manifest, 'fixture')
    const colours: Colour[] = Array.from({ length: 19 }, (_, i) => [i % 2 === 0 ? 1 : -1, i % 3 === 0 ? 1 : -1, 1])
    const embeddings = await encoder.encode(colours.map(plain))
    expect(embeddings).toHaveLength(colours.length)
    embeddings.forEach((embedding, i) => {
      expect(dot(embedding, unit(colours[i]!))).toBeCloseTo(1, 5)
      expect(dot(embedding, embedding)).toBeCloseTo(1, 5)
    })
  })

  test('embeds nothing where there are no crops', async () => {
    const encoder = createClipImage(await open(imageGraph()), manifest, 'fixture')
    expect(await encoder.encode([])).toEqual([])
  })

  test('runs crops one by one where the graph has a batch of one', async () => {
    const encoder = createClipImage(await open(imageGraph({}, 1)), manifest, 'fixture')
    const [red, blue] = await encoder.encode([plain([1, -1, -1]), plain([-1, -1, 1])])
    expect(dot(red!, unit([1, -1, -1]))).toBeCloseTo(1, 5)
    expect(dot(blue!, unit([-1, -1, 1]))).toBeCloseTo(1, 5)
  })

  test('applies CLIP\'s mean and standard deviation a channel', () => {
    // Values of openai/CLIP `clip.py`, there for pixels in 0..1.
    const mean = [0.48145466, 0.4578275, 0.40821073].map(v => v * 255)
    const std = [0.26862954, 0.26130258, 0.27577711].map(v => v * 255)
    const input = { ...manifest.input, mean, std }
    const { data } = toTensor([draw(SIDE, SIDE, () => [0, 128, 255])], input)
    const plane = SIDE * SIDE
    const expected = [(0 - 0.48145466) / 0.26862954, (128 / 255 - 0.4578275) / 0.26130258, (1 - 0.40821073) / 0.27577711]
    expected.forEach((v, c) => expect(data[c * plane] as number).toBeCloseTo(v, 5))
  })

  test.each([
    ['another input name', { input: 'image' }, /input "pixel_values".*output "image_embeds".*inputs "image" and outputs "image_embeds"/],
    ['another output name', { output: 'pooler_output' }, /inputs "pixel_values" and outputs "pooler_output"/]
  ])('refuses a graph with %s and lists both sides', async (_, fault, message) => {
    const session = await open(imageGraph(fault))
    expect(() => createClipImage(session, manifest, 'fixture')).toThrow(expect.objectContaining({
      code: 'VEL_ERR_WEIGHTS',
      message: expect.stringMatching(message)
    }))
  })

  test('refuses a graph whose width is not the manifest\'s', async () => {
    const encoder = createClipImage(await open(imageGraph({ dims: 5 })), manifest, 'fixture')
    await expect(encoder.encode([plain([1, 1, 1])])).rejects.toMatchObject({
      code: 'VEL_ERR_WEIGHTS',
      message: expect.stringContaining('[1, 8]')
    })
  })
})
