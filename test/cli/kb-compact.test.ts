import { Command } from 'commander'
import { expect, test } from 'vitest'
import { addKbCommand } from '../../src/cli/kb.ts'
import { terminalLog as log } from '../../src/cli/terminal-log.ts'
import { openIndex } from '../../src/kb/search/open-index.ts'
import { addImage, openSmall, put, remove, writeSmallIndex } from '../helpers/open-live-index.ts'

async function compact (dir: string): Promise<string> {
  const printed: string[] = []
  const program = new Command().exitOverride()
  const never = async (): Promise<never> => { throw new Error('compacting needs no models') }
  addKbCommand(program, {
    openEncoder: never,
    openTexts: never,
    log,
    print: text => { printed.push(text) }
  })
  await program.parseAsync(['node', 'vel', 'kb', 'compact', dir])
  return printed.join('\n')
}

test('vel kb compact writes the changes into the index, and refuses one that a server has open', async () => {
  const dir = await writeSmallIndex()
  const live = await openSmall(dir)
  await live.change(put('Q99'))
  await live.change(addImage('Q99', 30))
  await live.change(remove('Q1'))
  await expect(compact(dir)).rejects.toThrow(/expected to be the only one that writes it/)
  await live.close()
  expect(await compact(dir)).toMatch(/test [0-9a-f]{12}\+[0-9a-f]{12}: 10 entities; 2 changed ones are now in the index/)
  const index = await openIndex(dir, {})
  expect(index.entity('Q1')).toBeUndefined()
  expect(index.references('face', 'Q99').length).toBe(1)
})
