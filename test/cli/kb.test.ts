import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
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
