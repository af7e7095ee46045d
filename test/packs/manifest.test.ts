// Manifests: the project's own are valid and consistent; invalid ones are refused with the field named.
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { listPacks } from '../../src/packs/list.ts'
import {
  OWN_MODELS_DIR, parsePackManifest, readPackManifest, withViews, type PackFile, type PackManifest
} from '../../src/packs/manifest.ts'
import { isCommercial, locateFiles } from '../../src/packs/files.ts'
import { temporaryFolder } from '../helpers/pack-server.ts'

const folders = (await readdir(OWN_MODELS_DIR, { withFileTypes: true })).filter(entry => entry.isDirectory() && !entry.name.startsWith('.'))
const packs: PackManifest[] = []
const embedded = JSON.parse(await readFile(new URL('embedded/manifest.json', OWN_MODELS_DIR), 'utf8')) as Record<string, unknown>

for (const { name } of folders) {
  const exists = await readFile(new URL(`${name}/manifest.json`, OWN_MODELS_DIR)).then(() => true, () => false)
  if (exists) packs.push(await readPackManifest(name, 'nowhere'))
}

describe('the project\'s packs', () => {
  it('include those that the documentation names', () => {
    expect(packs.map(pack => pack.name))
      .toEqual(expect.arrayContaining(['embedded', 'mtcnn-facenet', 'newsroom', 'paper', 'research', 'scrfd-edgeface', 'yunet-retail']))
  })

  it('pin every file by sha256 and size', () => {
    const unpinned = packs.flatMap(pack => locateFiles(pack, '')).filter(part => part.file.sha256 === null || part.file.bytes === undefined)
    expect(unpinned.map(part => part.file.path)).toEqual([])
  })

  it('agree on the files that they share', () => {
    const byPath = new Map<string, PackFile>()
    for (const { file } of packs.flatMap(pack => locateFiles(pack, ''))) {
      const { sources, ...facts } = byPath.get(file.path) ?? file
      expect({ path: file.path, sha256: file.sha256, bytes: file.bytes, sources: file.sources }).toEqual({ ...facts, sources })
      byPath.set(file.path, file)
    }
  })

  it('say which may be used commercially', () => {
    expect(packs.filter(isCommercial).map(pack => pack.name)).toEqual(expect.arrayContaining(['embedded', 'newsroom', 'yunet-retail']))
    expect(packs.filter(pack => !isCommercial(pack)).map(pack => pack.name))
      .toEqual(expect.arrayContaining(['mtcnn-facenet', 'paper', 'research', 'scrfd-edgeface']))
  })

  it('prepare CLIP\'s pixels as its processor does: mean and std times 255', () => {
    for (const pack of packs) {
      const { clipImage, clipText } = pack.models
      expect(clipImage === undefined).toBe(clipText === undefined)
      if (clipImage === undefined) continue
      const times255 = (values: number[]): number[] => values.map(v => v * 255)
      const close = (actual: number | number[], expected: number[]): void => {
        for (const [i, v] of expected.entries()) expect((actual as number[])[i]).toBeCloseTo(v, 4)
      }
      close(clipImage.input.mean, times255([0.48145466, 0.4578275, 0.40821073]))
      close(clipImage.input.std, times255([0.26862954, 0.26130258, 0.27577711]))
    }
  })
})

describe('an invalid manifest', () => {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- it is broken on purpose
  const changed = (change: (manifest: any) => void): string => {
    const manifest = structuredClone(embedded)
    change(manifest)
    return JSON.stringify(manifest)
  }

  it.each([
    ['a newer format', changed(m => { m.formatVersion = 2 }), /formatVersion/],
    ['no detector', changed(m => { delete m.models.detector }), /models.detector/],
    ['a path out of the folder', changed(m => { m.models.face.files.model.path = '../../etc/passwd' }), /models.face.files.model.path/],
    ['a path out of the folder, hidden', changed(m => { m.models.face.files.model.path = 'a/../../b' }), /a path inside MODELS_DIR/],
    ['an absolute path', changed(m => { m.models.face.files.model.path = '/etc/passwd' }), /a plain relative path/],
    ['a short sha256', changed(m => { m.models.face.files.model.sha256 = 'abc' }), /models.face.files.model.sha256/],
    ['no bytes', changed(m => { m.models.face.files.model.bytes = 0 }), /models.face.files.model.bytes/],
    ['plain http',
      changed(m => { m.models.face.files.model.sources = [{ url: 'http://weights.test/f' }] }),
      /models.face.files.model.sources\[0\]/],
    ['a package without a pin',
      changed(m => { m.models.face.files.model.sources[0].npm = 'weights@^1.0.0' }),
      /a package pinned as name@1.2.3/],
    ['a git dependency',
      changed(m => { m.models.face.files.model.sources[0].npm = 'github:someone/weights' }),
      /models.face.files.model.sources\[0\]/],
    ['a weak integrity',
      changed(m => { m.models.face.files.model.sources[0].integrity = 'sha1-abc' }),
      /models.face.files.model.sources\[0\]/],
    ['an unknown field', changed(m => { m.models.face.colour = 'red' }), /colour/],
    ['an unknown decoder', changed(m => { m.models.detector.decoder = 'yolo' }), /models.detector.decoder/],
    ['parts that the decoder does not open',
      changed(m => { m.models.detector.decoder = 'mtcnn' }),
      /models.detector.files|mtcnn opens pnet, rnet, onet; received model/],
    ['a list of files', changed(m => { m.models.face.files = [] }), /models.face.files/],
    ['no licence', changed(m => { delete m.models.face.licence }), /models.face.licence/],
    ['a cut file', '{"formatVersion": 1, "na', /JSON in manifest.json/],
    ['null', 'null', /a valid manifest.json/]
  ])('is refused with the field named: %s', (_name, text, message) => {
    expect(() => parsePackManifest('embedded', text)).toThrow(message)
    expect(() => parsePackManifest('embedded', text)).toThrow(expect.objectContaining({ code: 'VEL_ERR_PACK' }))
  })

  it('is looked up by a plain name only', async () => {
    for (const name of ['../embedded', '', 'Embedded', 'a/b', '.']) {
      await expect(readPackManifest(name, 'models')).rejects.toThrow(/a name of lower-case letters/)
    }
    await expect(readPackManifest('unknown', 'models')).rejects.toThrow(/`vel models list`/)
  })

  it('is listed as invalid beside the others, and a pack in MODELS_DIR beside the project\'s own', async () => {
    const dir = await temporaryFolder()
    for (const [name, text] of [['broken', '{'], ['mine', JSON.stringify({ ...embedded, name: 'mine' })]] as const) {
      await mkdir(join(dir, name))
      await writeFile(join(dir, name, 'manifest.json'), text)
    }
    await mkdir(join(dir, 'no-pack'))
    await mkdir(join(dir, 'embedded'))
    await writeFile(join(dir, 'embedded', 'fr_detect.onnx'), 'not a graph')
    const listed = new Map((await listPacks(dir)).map(pack => [pack.name, pack]))
    expect(listed.get('broken'))
      .toMatchObject({ state: 'invalid', manifest: null, problem: expect.stringContaining('JSON in manifest.json') as string })
    expect(listed.get('mine')?.state).toBe('damaged')
    expect(listed.get('research')?.state).toBe('absent')
    expect(listed.has('no-pack')).toBe(false)
  })
})

it('takes other views of a face, and refuses unknown ones', async () => {
  const pack = await readPackManifest('embedded', 'models')
  expect(withViews(pack, undefined)).toBe(pack)
  expect(withViews(pack, 'plain').models.face.views).toBe('plain')
  expect(() => withViews(pack, 'upside-down')).toThrow('expected views of a face among plain, mirrored, mirrored-grey')
})
