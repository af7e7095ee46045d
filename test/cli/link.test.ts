import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { expect, it } from 'vitest'
import { addLinkCommand } from '../../src/cli/link.ts'
import type { OpenedLinker } from '../../src/startup.ts'
import type { LinkedImage } from '../../src/types.ts'
import { mentionOf } from '../helpers/memory-kb.ts'

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
