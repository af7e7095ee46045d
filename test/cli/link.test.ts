import { copyFile, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { addLinkCommand } from '../../src/cli/link.ts'
import type { OpenedLinker } from '../../src/startup.ts'
import type { LinkedImage } from '../../src/types.ts'
import { mentionOf } from '../helpers/memory-kb.ts'
import { createHintedLinker } from '../helpers/hinted-linker.ts'
import { photo as drawn } from '../helpers/live-linker.ts'

const entity = { id: 'Q207', name: 'George W. Bush', description: '', aliases: [] }
const linked: LinkedImage = {
  width: 100,
  height: 80,
  facesFound: 1,
  facesRejected: 2,
  turnedBy: 90,
  links: [{
    mention: mentionOf([1, 0]),
    status: 'nil',
    nilReason: 'threshold',
    entity: null,
    candidates: [{ rank: 1, entity, score: 0.3, similarity: { face: 0.3 } }]
  }],
  index: { name: 'tiny', version: '1', entities: 1 },
  models: [],
  timings: {}
}

async function link (...args: string[]): Promise<string> {
  const photo = join(await mkdtemp(join(tmpdir(), 'vel-link-')), 'photo.jpg')
  await writeFile(photo, 'bytes')
  const printed: string[] = []
  const program = new Command().exitOverride()
  const openLinker = async (): Promise<OpenedLinker> => ({ linkImage: async () => linked, close: async () => {} })
  addLinkCommand(program, { openLinker, print: text => { printed.push(text) } })
  await program.parseAsync(['link', photo, ...args], { from: 'user' })
  return printed.join('\n')
}

it('says why nobody is named, in the table and as JSON', async () => {
  expect(await link()).toMatch(/nil \(threshold\) +│ Q207/)
  const json = JSON.parse(await link('--json')) as { mentions: unknown[] }
  expect(json).toMatchObject({ facesRejected: 2, turnedBy: 90, mentions: [{ status: 'nil', nilReason: 'threshold', entity: null }] })
})

describe('what is known beside the photo', () => {
  /** Two photos: of Zenith and Ximenes, who are in the index, and of one of them. */
  async function start (): Promise<{ dir: string, run: (...args: string[]) => Promise<string[]> }> {
    const dir = await mkdtemp(join(tmpdir(), 'vel-link-'))
    await writeFile(join(dir, 'two.jpg'), drawn({ vector: 0 }, { vector: 2, left: 300 }))
    await writeFile(join(dir, 'one.jpg'), drawn({ vector: 0 }))
    const linker = await createHintedLinker()
    const run = async (...args: string[]): Promise<string[]> => {
      const printed: string[] = []
      const program = new Command().exitOverride().configureOutput({ writeErr: () => {} })
      addLinkCommand(program, {
        openLinker: async () => ({ linkImage: linker.linkImage, close: async () => {} }), print: text => { printed.push(text) }
      })
      await program.parseAsync(['link', ...args.map(arg => arg.replace('DIR', dir))], { from: 'user' })
      return printed
    }
    return { dir, run }
  }

  it('decides with the caption, and lists who is named but not seen', async () => {
    const { run } = await start()
    const [table] = await run('DIR/two.jpg', '--caption', 'Zacharias Zenith and Yolanda Ypsilon')
    expect(table).toMatch(/linked +│ Q1 /)
    expect(table).toMatch(/^face 1: .*the caption names this person\.$/m)
    expect(table).toMatch(/^named but not seen: Yolanda Ypsilon$/m)
  })

  it('lists who is seen but not named, and what of the list the index does not have', async () => {
    const { dir, run } = await start()
    await writeFile(join(dir, 'list.txt'), 'Xenia Ximenes\r\nQ404\n\n')
    const [table] = await run('DIR/two.jpg', '--caption', 'Zacharias Zenith', '--entities', '@DIR/list.txt')
    expect(table).toMatch(/^seen but not named: face 2 \(Xenia Ximenes\)$/m)
    expect(table).toMatch(/^listed, and not in the index: Q404$/m)
  })

  it('writes evidence, names, the caption and its source as JSON', async () => {
    const { dir, run } = await start()
    await writeFile(join(dir, 'one.txt'), '\uFEFFZacharias Zenith')
    await writeFile(join(dir, 'caption.txt'), 'Yolanda Ypsilon')
    const [beside] = await run('DIR/one.jpg', '--json', '--sidecar')
    expect(JSON.parse(beside!)).toMatchObject({
      caption: { source: 'sidecar', text: 'Zacharias Zenith' },
      hints: { applied: true, names: [{ text: 'Zacharias Zenith', mention: 0 }] },
      mentions: [{ status: 'linked', evidence: { face: expect.any(Number) } }]
    })
    const [given] = await run('DIR/one.jpg', '--json', '--sidecar', '--caption-file', 'DIR/caption.txt')
    expect(JSON.parse(given!)).toMatchObject({ caption: { source: 'option', text: 'Yolanda Ypsilon' }, mentions: [{ status: 'nil' }] })
    await writeFile(join(dir, 'one.jpg.txt'), 'Xenia Ximenes')
    expect(JSON.parse((await run('DIR/one.jpg', '--json', '--sidecar'))[0]!)).toMatchObject({ caption: { text: 'Xenia Ximenes' } })
    expect(JSON.parse((await run('DIR/two.jpg', '--json', '--sidecar'))[0]!)).not.toHaveProperty('caption')
  })

  it('prints the same as before for a photo alone', async () => {
    const { run } = await start()
    expect((await run('DIR/one.jpg', '--json'))[0]).not.toMatch(/hints|evidence|"caption"|metadata/)
    expect((await run('DIR/one.jpg', '--read-metadata'))[0]).toMatch(/has no metadata that can be read/)
  })

  it('reads the metadata of the photo', async () => {
    const { dir } = await start()
    const photo = join(dir, 'meta.jpg')
    await copyFile(new URL('../fixtures/metadata/xmp.jpg', import.meta.url), photo)
    const asked: unknown[] = []
    const program = new Command().exitOverride()
    const linkImage: OpenedLinker['linkImage'] = async (_bytes, options) => { asked.push(options); return linked }
    const printed: string[] = []
    addLinkCommand(program, { openLinker: async () => ({ linkImage, close: async () => {} }), print: text => { printed.push(text) } })
    await program.parseAsync(['link', photo, '--read-metadata', '--taken-at', '1999', '--json'], { from: 'user' })
    expect(asked).toMatchObject([{ takenAt: '1999', entities: ['Davis, Jr., Sammy'], caption: expect.stringMatching(/^Kopf\nRenée/) }])
    expect(JSON.parse(printed[0]!)).toMatchObject({ caption: { source: 'metadata' }, metadata: { takenAt: '2004-03-31' } })
  })

  it.each([
    [['--caption', 'a'.repeat(10_001)], /at most 10000 characters for "caption"/],
    [['--caption', 'a', '--caption-file', 'b'], /either --caption or --caption-file, received both/],
    [['--caption-file', 'DIR/absent.txt'], /a text file for --caption-file, received ENOENT/],
    [['--entities', '@DIR/absent.txt'], /a text file for --entities, received ENOENT/],
    [['--entities-mode', 'only'], /because entitiesMode is "only"/],
    [['--entities-mode', 'must'], /Allowed choices are prefer, only/],
    [['--taken-at', 'yesterday'], /a day such as 2004-03-31/]
  ])('refuses %j', async (args, message) => {
    await expect((await start()).run('DIR/one.jpg', ...args)).rejects.toThrow(message)
  })

  it('reports a photo whose sidecar is too long, and links the others', async () => {
    const { dir, run } = await start()
    await writeFile(join(dir, 'one.txt'), 'a'.repeat(10_001))
    const printed = await run('DIR/one.jpg', 'DIR/two.jpg', '--sidecar')
    expect(printed[0]).toMatch(/one\.jpg: Expected a text of at most 10000 characters/)
    expect(printed[1]).toMatch(/two\.jpg \(640x480\)/)
    expect(process.exitCode).toBe(1)
    process.exitCode = 0
  })
})
