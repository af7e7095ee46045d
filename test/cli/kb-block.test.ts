import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import { expect, test } from 'vitest'
import { addKbCommand } from '../../src/cli/kb.ts'
import { terminalLog as log } from '../../src/cli/terminal-log.ts'
import { temporaryFolder } from '../helpers/build-small-index.ts'
import { openSmall, writeSmallIndex } from '../helpers/open-live-index.ts'

async function vel (...args: string[]): Promise<string> {
  const printed: string[] = []
  const program = new Command().exitOverride()
  const never = async (): Promise<never> => { throw new Error('blocking needs no models') }
  addKbCommand(program, { openEncoder: never, openTexts: never, log, print: text => { printed.push(text) } })
  await program.parseAsync(['node', 'vel', 'kb', ...args])
  return printed.join('\n')
}

test('vel kb block writes and lists the blocklist; vel kb info says how many are on it', async () => {
  const dir = await writeSmallIndex()
  expect(await vel('block', dir, 'Q10', 'Q9', 'Q9', 'Q900')).toBe('test: 3 ids blocked, 3 are blocked now')
  expect(await vel('block', dir, 'Q9')).toBe('test: 0 ids blocked, 3 are blocked now')
  expect(await vel('block', dir, '--list')).toBe('Q9\nQ10\nQ900')
  const info = await vel('info', dir)
  expect(info).toMatch(/blocked +│ 3 ids, which are never named/)
  expect(info).not.toContain('Q900')
  expect(await vel('block', dir, '--remove', 'Q9', 'Q1')).toBe('test: 1 ids taken off the blocklist, 2 are blocked now')
  expect(await vel('block', dir, '--list')).toBe('Q10\nQ900')
})

test('vel kb block refuses an index that a server has open for changes, but lists its blocklist', async () => {
  const dir = await writeSmallIndex()
  const live = await openSmall(dir)
  await live.change({ kind: 'block', entity: 'Q1' })
  await expect(vel('block', dir, 'Q2')).rejects.toThrow(/expected to be the only one that writes it/)
  expect(await vel('block', dir, '--list')).toBe('Q1')
  await live.close()
})

test.each([
  ['no ids', [], /either ids or --list, received neither/],
  ['both', ['Q1', '--list'], /either ids or --list, received both/],
  ['--remove with --list', ['--list', '--remove'], /--remove with ids/],
  ['a property', ['P31'], /a Wikidata item id such as "Q207", received "P31"/]
])('vel kb block refuses %s', async (_what, args, reason) => {
  await expect(vel('block', await writeSmallIndex(), ...args)).rejects.toThrow(reason)
})

test('vel kb block refuses a folder that is no index', async () => {
  const dir = join(await temporaryFolder(), 'photos')
  await mkdir(dir)
  await expect(vel('block', dir, 'Q1')).rejects.toMatchObject({ code: 'VEL_ERR_INDEX' })
})
