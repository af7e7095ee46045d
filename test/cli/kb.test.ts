import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { expect, test } from 'vitest'
import { addKbCommand } from '../../src/cli/kb.ts'
import { terminalLog as log } from '../../src/cli/terminal-log.ts'
import { openIndex } from '../../src/kb/search/open-index.ts'
import { loadTextEncoder } from '../../src/models/load.ts'
import { encoderIdentity } from '../../src/packs/identity.ts'
import { openEmbeddedEncoder } from '../helpers/embedded-encoder.ts'
import { describeWithShared, shared } from '../helpers/shared.ts'
import { temporaryFolder } from '../helpers/build-small-index.ts'

async function vel (...args: string[]): Promise<string> {
  const printed: string[] = []
  const program = new Command().exitOverride()
  addKbCommand(program, {
    openEncoder: openEmbeddedEncoder,
    openTexts: async pack =>
      await loadTextEncoder(pack, '', async () => { throw new Error('not opened in this test') }),
    log,
    print: text => { printed.push(text) }
  })
  await program.parseAsync(['node', 'vel', 'kb', ...args])
  return printed.join('\n')
}

describeWithShared('vel kb, with real photos and the embedded pack', () => {
  const news = fileURLToPath(new URL('data/news/', shared))
  const photo = (name: string): string => join(news, 'photos', name)

  test('builds an index that links another photo of a person, and reports what it left out', async () => {
    const folder = await temporaryFolder()
    await mkdir(join(folder, 'photos'))
    await cp(photo('Abdullah_Gul_0001.jpg'), join(folder, 'photos', 'gul.jpg'))
    await cp(photo('Adrien_Brody_0001.jpg'), join(folder, 'photos', 'brody.jpg'))
    await cp(photo('Adrien_Brody_0002.jpg'), join(folder, 'photos', 'brody2.jpg'))
    await writeFile(join(folder, 'photos', 'text.jpg'), 'not a photo')
    await writeFile(join(folder, 'entities.jsonl'), [
      '{"id":"Q42852","name":"Abdullah Gül","description":"politician","images":["photos/gul.jpg","photos/gul.jpg"]}',
      '{"id":"Q104514","name":"Adrien Brody","images":["photos/brody.jpg","photos/missing.jpg","photos/text.jpg"]}',
      '{"id":"Q104514","name":"A. Brody","images":["photos/brody2.jpg"]}',
      '{"id":"P31","name":"a property"}',
      'not JSON',
      '',
      '{"id":"Q5","name":"Text only"}'
    ].join('\n'))
    const out = join(folder, 'index')
    const printed = await vel('build', '--entities', join(folder, 'entities.jsonl'), '--out', out, '--name', 'two')
    for (const said of [
      'entities.jsonl:4: left out',
      'entities.jsonl:5: left out: expected JSON',
      'entities.jsonl:3: merged: Q104514 came before',
      'missing.jpg: missing: no such file',
      'text.jpg: unreadable'
    ]) { expect(printed).toContain(said) }
    const report = JSON.parse(await readFile(join(out, 'report.json'), 'utf8')) as Record<string, unknown>
    expect(report).toMatchObject({ entities: 3, withFace: 2, photos: { total: 5, used: 3 } })

    expect(await vel('verify', out)).toMatch(/^two [0-9a-f]{12}: 5 files are whole$/)
    expect(await vel('info', out)).toContain('3 vectors of 512 numbers as int8')

    const { encoder, pack, close } = await openEmbeddedEncoder()
    const kb = await openIndex(out, { face: encoderIdentity(pack.models.face) })
    const { mentions } = await encoder.encode(await readFile(photo('Abdullah_Gul_0002.jpg')))
    const [first] = await kb.search('face', mentions[0]!.face, 3)
    expect(first).toMatchObject({ entity: { id: 'Q42852' } })
    expect(first!.similarity).toBeGreaterThan(kb.decision.threshold)
    expect(kb.entity('Q104514')!.aliases).toEqual(['A. Brody'])
    await close()
  })

  const portraits = fileURLToPath(new URL('data/portraits/photos/', shared))
  /** A faded portrait, in which the landmarks do not settle. */
  const POOR = 'Q276968.jpg'

  async function poorGallery (): Promise<{ folder: string, entities: string, out: string }> {
    const folder = await temporaryFolder()
    await cp(join(portraits, POOR), join(folder, 'poor.jpg'))
    await cp(photo('Adrien_Brody_0001.jpg'), join(folder, 'brody.jpg'))
    const entities = join(folder, 'entities.jsonl')
    await writeFile(entities, '{"id":"Q1","name":"Poor","images":["poor.jpg"]}\n{"id":"Q2","name":"Good","images":["brody.jpg"]}')
    return { folder, entities, out: join(folder, 'index') }
  }

  test('a poor reference does not become a vector unless it is kept; its person stays', async () => {
    const { entities, out } = await poorGallery()
    const printed = await vel('build', '--entities', entities, '--out', out)
    expect(printed).toMatch(/poor face +│ +1 /)
    expect(printed).toContain('Q1 poor.jpg: poor face: left out, since it shows ')
    expect(JSON.parse(await readFile(join(out, 'report.json'), 'utf8'))).toMatchObject({
      entities: 2, withFace: 1, photos: { total: 2, used: 1 }, photoProblems: [{ id: 'Q1', problem: 'poor face' }]
    })
    const kb = await openIndex(out, {})
    expect([kb.references('face', 'Q1').length, kb.entity('Q1')!.name]).toEqual([0, 'Poor'])
    await vel('build', '--entities', entities, '--out', out, '--keep-poor')
    expect((await openIndex(out, {})).references('face', 'Q1')).toHaveLength(1)
  })

  test('an index says whether its references were judged; one built before opens with a warning', async () => {
    const { entities, out } = await poorGallery()
    await vel('build', '--entities', entities, '--out', out)
    expect(await vel('info', out)).toContain('judged, and poor ones left out')
    const path = join(out, 'manifest.json')
    const { references, ...before } = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>
    expect(references).toEqual({ judged: true, poorKept: false })
    await writeFile(path, JSON.stringify(before))
    expect(await vel('info', out)).toMatch(/Warning: index index: its reference photos were not judged .*: build it again/)
    expect((await openIndex(out, {})).info.version).toBe(before['version'])
    await vel('build', '--entities', entities, '--out', out, '--keep-poor')
    expect(await vel('info', out)).toContain('judged, and poor ones kept')
  })

  test('a build of poor references alone fails and keeps the old index; resumed with --keep-poor it is built', async () => {
    const { folder, entities, out } = await poorGallery()
    await vel('build', '--entities', entities, '--out', out)
    const before = await readFile(join(out, 'manifest.json'), 'utf8')
    const poor = join(folder, 'poor.jsonl')
    await writeFile(poor, '{"id":"Q1","name":"Poor","images":["poor.jpg"]}')
    const problem = /at least one photo that can be used, received 0 of 1 \(poor face: 1\); Q1 poor.jpg: .*--keep-poor/
    await expect(vel('build', '--entities', poor, '--out', out)).rejects.toThrow(problem)
    expect(await readFile(join(out, 'manifest.json'), 'utf8')).toBe(before)
    expect(await vel('build', '--entities', poor, '--out', out, '--keep-poor')).toMatch(/finished by an earlier run +│ +1 /)
    expect((await openIndex(out, {})).references('face', 'Q1')).toHaveLength(1)
  })

  test('A3: a build that could use too few photos fails and keeps the old index', async () => {
    const { folder, entities, out } = await poorGallery()
    await vel('build', '--entities', entities, '--out', out)
    const before = await readFile(join(out, 'manifest.json'), 'utf8')
    const few = join(folder, 'few.jsonl')
    await writeFile(few, '{"id":"Q2","name":"Good","images":["brody.jpg","a.jpg","b.jpg"]}')
    const problem = /at least 50 % of the photos that can be used, received 1 of 3 \(missing: 2\); Q2 a.jpg: missing: no such file/
    await expect(vel('build', '--entities', few, '--out', out)).rejects.toMatchObject({
      code: 'VEL_ERR_INPUT', message: expect.stringMatching(problem) as string
    })
    expect(await readFile(join(out, 'manifest.json'), 'utf8')).toBe(before)
    const wrong = vel('build', '--entities', few, '--out', out, '--fail-under', '1.1')
    await expect(wrong).rejects.toThrow(/--fail-under as a number from 0 to 1/)
    expect(await vel('build', '--entities', few, '--out', out, '--fail-under', '.3')).toMatch(/used +│ +1 /)
    await writeFile(few, '{"id":"Q2","name":"Good","images":["a.jpg"]}')
    await expect(vel('build', '--entities', few, '--out', out, '--fail-under', '0')).rejects.toThrow(/at least one photo/)
    await writeFile(few, '{"id":"Q2","name":"Text only","born":1973}')
    const printed = await vel('build', '--entities', few, '--out', out)
    expect(printed).toContain('few.jsonl:1: the member "born" is unknown and not read (1 line has it)')
  })

  async function buildCase (name: string): Promise<string> {
    const folder = await temporaryFolder()
    await mkdir(join(folder, 'portraits'))
    await cp(new URL(`cases/${name}`, shared), join(folder, name))
    for (const file of ['Winona_Ryder.jpg', 'portraits/Winona_Ryder.jpg']) await cp(photo('Adrien_Brody_0001.jpg'), join(folder, file))
    return await vel('build', '--entities', join(folder, name), '--out', join(folder, 'index'))
  }

  test('case windows-paths: the problem says that the path has backslashes', async () => {
    const problem = /Q11 .*: missing: no such file; its path has backslashes, .*: write portraits\/Winona_Ryder.jpg/
    await expect(buildCase('windows-paths.jsonl')).rejects.toThrow(problem)
  })

  test('case image-singular: the unknown member is named, and the build fails', async () => {
    const message = expect.stringMatching(/image-singular.jsonl:1: the member "image" is unknown/) as string
    await expect(buildCase('image-singular.jsonl')).rejects.toMatchObject({ code: 'VEL_ERR_INPUT', message })
  })

  test('case entity-uri: the full address of an item is its id', async () => {
    expect(await buildCase('entity-uri.jsonl')).toMatch(/1, 1 with a face/)
  })

  test('A2: only an absent or empty folder or an index is replaced, and others are refused before anything is encoded', async () => {
    const { folder, entities } = await poorGallery()
    const build = async (out: string): Promise<string> => await vel('build', '--entities', entities, '--out', out)
    const paths = ['thesis', 'pack', 'file', 'empty'].map(name => join(folder, name)) as [string, string, string, string]
    const [thesis, pack, file, empty] = paths
    for (const path of [thesis, pack, empty]) await mkdir(path)
    await writeFile(join(thesis, 'thesis.txt'), 'hi')
    await writeFile(join(pack, 'manifest.json'), '{"formatVersion":1,"name":"pack","models":{}}')
    await writeFile(file, 'hi')
    for (const out of [thesis, pack, file, '.', '..']) {
      const message = expect.stringMatching(/expected a folder that is absent, empty or an index/) as string
      await expect(build(out), out).rejects.toMatchObject({ code: 'VEL_ERR_INDEX', message })
    }
    expect(await readFile(join(thesis, 'thesis.txt'), 'utf8')).toBe('hi')
    expect(await readFile(file, 'utf8')).toBe('hi')
    expect((await readdir(folder)).filter(name => name.startsWith('.'))).toEqual([])
    await build(empty)
    await writeFile(join(empty, 'thesis.txt'), 'hi')
    await expect(build(empty)).rejects.toThrow(/an index with thesis.txt beside its files/)
  })

  test('texts are refused where the pack has no CLIP, where they are not known, and weights where there is nothing to weigh', async () => {
    const folder = await temporaryFolder()
    const [entities, out] = [join(folder, 'entities.jsonl'), join(folder, 'x')]
    await writeFile(entities, '{"id":"Q5","name":"Text only"}')
    await expect(vel('build', '--entities', entities, '--out', out, '--texts', 'name')).rejects.toMatchObject({
      code: 'VEL_ERR_PACK',
      message: expect.stringMatching(/embedded: expected a CLIP text encoder, to embed texts, received none/) as string
    })
    for (const given of ['names', '', 'name,', 'none,name', 'face']) {
      await expect(vel('build', '--entities', entities, '--out', out, '--texts', given)).rejects.toMatchObject({
        code: 'VEL_ERR_INPUT',
        message: expect.stringContaining(`name, name_description, or none, received ${JSON.stringify(given)}`) as string
      })
    }
    await vel('build', '--entities', entities, '--out', out, '--texts', 'none')
    await expect(vel('weigh', out, '--face', '1', '--text', '2')).rejects.toThrow(
      /expected text vectors, to weigh them, received faces alone/
    )
    await expect(vel('weigh', out, '--face', '-1', '--text', '2')).rejects.toThrow(/--face as a number from 0 to 1000, received "-1"/)
    await expect(vel('weigh', out, '--face', '1', '--text', '')).rejects.toThrow(/--text as a number/)
    await expect(vel('weigh', out, '--face', '0', '--text', '0')).rejects.toThrow(/a weight above 0/)
  })

  test('files without a usable line are refused', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'broken.jsonl'), '{"id":"Q0","name":"x"}\n')
    await expect(vel('build', '--entities', join(folder, 'broken.jsonl'), '--out', join(folder, 'x'))).rejects.toThrow(/broken.jsonl:1: /)
    await expect(vel('build', '--entities', join(folder, 'none.jsonl'), '--out', join(folder, 'x'))).rejects.toThrow(
      /readable file of entities/
    )
  })
})
