// The verification before a pack's graphs are opened.
import { mkdir, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { readPackManifest } from '../../src/packs/manifest.ts'
import { verifyPack } from '../../src/packs/verify.ts'
import { describeWithShared, shared } from '../helpers/shared.ts'
import { content, sha256, source, temporaryFolder, testPack } from '../helpers/pack-server.ts'

const detector = content(1000)
const face = content(2000)
const pack = testPack({ path: 'd.onnx', bytes: detector, sources: [source('d')] }, { path: 'sub/f.onnx', bytes: face, sources: [] })

async function whole (): Promise<string> {
  const dir = await temporaryFolder()
  await mkdir(join(dir, 'sub'))
  await writeFile(join(dir, 'd.onnx'), detector)
  await writeFile(join(dir, 'sub/f.onnx'), face)
  return dir
}

async function messageOf (dir: string): Promise<string> {
  return await verifyPack(pack, dir).then(() => 'no error', (error: Error & { code: string }) => `${error.code} ${error.message}`)
}

describe('verifyPack', () => {
  it('returns the actual size and hash of each file', async () => {
    expect((await verifyPack(pack, await whole())).map(({ role, state, bytes, sha256 }) => ({ role, state, bytes, sha256 }))).toEqual([
      { role: 'detector', state: 'present', bytes: 1000, sha256: sha256(detector) },
      { role: 'face', state: 'present', bytes: 2000, sha256: sha256(face) }
    ])
  })

  it('names every missing file, the command, and what must be put there by hand', async () => {
    const dir = await temporaryFolder()
    expect(await messageOf(dir)).toBe([
      `VEL_ERR_WEIGHTS Model pack tested: expected its weights in ${dir} (MODELS_DIR), received `,
      '  d.onnx (detector): missing',
      '  sub/f.onnx (face): missing',
      'Run `vel models fetch tested`.',
      `No public source is known for sub/f.onnx: put it there by hand as ${join(dir, 'sub/f.onnx')}, sha256 ${sha256(face)}.`
    ].join('\n'))
    expect(await messageOf(join(dir, 'nowhere'))).toContain('d.onnx (detector): missing')
  })

  it('reports a flipped byte, a truncated file, an empty file, a folder, and a link to nothing', async () => {
    const dir = await whole()
    await writeFile(join(dir, 'd.onnx'), Buffer.from(detector).fill(detector[5]! ^ 1, 5, 6))
    expect(await messageOf(dir))
      .toMatch(new RegExp(`d.onnx \\(detector\\): sha256 [0-9a-f]{64} instead of ${sha256(detector)}\n` +
        'Run `vel models fetch tested`, which replaces damaged files\\.$'))
    await truncate(join(dir, 'd.onnx'), 999)
    expect(await messageOf(dir)).toContain('d.onnx (detector): 999 bytes instead of 1000')
    await truncate(join(dir, 'd.onnx'), 0)
    expect(await messageOf(dir)).toContain('d.onnx (detector): 0 bytes instead of 1000')
    const other = await temporaryFolder()
    await mkdir(join(other, 'd.onnx'))
    await mkdir(join(other, 'sub'))
    await symlink(join(other, 'nothing'), join(other, 'sub/f.onnx'))
    expect(await messageOf(other)).toMatch(/d.onnx \(detector\): .*\n {2}sub\/f.onnx \(face\): missing/)
  })

  it('accepts a link to the right file, and a file whose hash is not known', async () => {
    const dir = await whole()
    const linked = await temporaryFolder()
    await mkdir(join(linked, 'sub'))
    await symlink(join(dir, 'd.onnx'), join(linked, 'd.onnx'))
    await symlink(join(dir, 'sub/f.onnx'), join(linked, 'sub/f.onnx'))
    expect((await verifyPack(pack, linked)).map(part => part.state)).toEqual(['present', 'present'])
    const unpinned = testPack(
      { path: 'd.onnx', bytes: detector, sources: [], sha256: null, size: undefined },
      { path: 'sub/f.onnx', bytes: face, sources: [] }
    )
    expect((await verifyPack(unpinned, dir))[0]).toMatchObject({ state: 'present', expected: null, sha256: sha256(detector) })
  })
})

describeWithShared('the weights beside the project', () => {
  it.each(['yunet-retail', 'scrfd-edgeface', 'mtcnn-facenet'])('are what the manifest of %s says', async name => {
    const dir = fileURLToPath(new URL('models', shared))
    const parts = await verifyPack(await readPackManifest(name, dir), dir)
    expect(parts.every(part => part.expected !== null && part.sha256 === part.expected && part.bytes === part.file.bytes)).toBe(true)
  })
})
