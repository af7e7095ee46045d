import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sha256 } from '../../src/files.ts'
import { readWeights } from '../../src/models/read-weights.ts'

const pinned = { path: 'p/face.onnx', sha256: sha256('weights'), sources: [] }

describe('readWeights', () => {
  let dir: string
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'vel-weights-'))
    await mkdir(join(dir, 'p'))
  })
  afterAll(async () => { await rm(dir, { recursive: true }) })

  it('G10: returns the very bytes that it hashed', async () => {
    await writeFile(join(dir, 'p/face.onnx'), 'weights')
    const { bytes, sha256: hash } = await readWeights('tiny', dir, pinned)
    expect(Buffer.from(bytes!).toString()).toBe('weights')
    expect(hash).toBe(pinned.sha256)
  })

  it('G10: states the hash of what it read where the manifest pins none', async () => {
    await writeFile(join(dir, 'p/face.onnx'), 'other weights')
    expect((await readWeights('tiny', dir, { ...pinned, sha256: null })).sha256).toBe(sha256('other weights'))
  })

  it.each([
    ['others', async (path: string) => { await writeFile(path, 'other weights') }, /the weights of the manifest \(sha256 \w{64}\).*others/],
    ['an empty file', async (path: string) => { await writeFile(path, '') }, /others \(e3b0c442\w+\)/],
    ['no file', async () => {}, /a readable file in .*ENOENT/],
    ['a folder', async (path: string) => { await mkdir(path) }, /a readable file in .*EISDIR/]
  ])('G10: refuses %s with one sentence', async (_name, put, sentence) => {
    const path = join(dir, 'p/face.onnx')
    await rm(path, { recursive: true, force: true })
    await put(path)
    const refused = expect(readWeights('tiny', dir, pinned)).rejects
    await refused.toMatchObject({ code: 'VEL_ERR_WEIGHTS', message: expect.stringMatching(sentence) })
    await refused.toMatchObject({ message: expect.stringMatching(/^Model pack tiny: .*vel models fetch tiny`$/) })
  })
})
