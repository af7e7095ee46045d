import { execFileSync, fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmod, readdir, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { walPath } from '../../../src/kb/changes/open-changes.ts'
import { openIndex, type IndexedKnowledgeBase } from '../../../src/kb/search/open-index.ts'
import { temporaryFolder } from '../../helpers/build-small-index.ts'
import type { Outcome } from '../../helpers/change-process.ts'
import { openSmall, put, writeSmallIndex } from '../../helpers/open-live-index.ts'

interface Changer { readonly child: ChildProcess, readonly opened: Outcome, readonly change: (id: string) => Promise<Outcome> }

/** @param uid user of the process, which gets its own folder for the files that Node keeps. */
async function startChanger (dir: string, writable: boolean, uid?: number): Promise<Changer> {
  const own = await temporaryFolder()
  await chmod(own, 0o777)
  const child = fork(fileURLToPath(new URL('../../helpers/change-process.ts', import.meta.url)), [dir, writable ? 'writable' : 'reading'], {
    execArgv: ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href],
    env: { ...process.env, TMPDIR: own },
    ...(uid === undefined ? {} : { uid })
  })
  onTestFinished(() => { child.kill('SIGKILL') })
  const heard = async (): Promise<Outcome> => (await once(child, 'message') as [Outcome])[0]
  return { child, opened: await heard(), change: async id => { child.send(id); return await heard() } }
}

/** Limits the size of the process's files: writes then fail as on a full disk. */
function limitFiles (child: ChildProcess, bytes: number | 'unlimited'): void {
  execFileSync('prlimit', ['--pid', String(child.pid), `--fsize=${bytes}:unlimited`])
}

test('A9: at a file-size limit, as on a full disk, changes are refused and none is lost or cut; later ones are taken', async () => {
  const dir = await writeSmallIndex()
  const { child, opened, change } = await startChanger(dir, true)
  expect(opened.fault).toBeNull()
  expect((await change('Q101')).fault).toBeNull()
  const { size } = await stat(walPath(dir))
  // Room for one change more and a part of the next.
  limitFiles(child, Math.ceil(size * 2.4))
  const outcomes: Outcome[] = []
  for (const id of ['Q102', 'Q103', 'Q104', 'Q105']) outcomes.push(await change(id))
  expect(outcomes[0]!.fault).toBeNull()
  const refused = outcomes.filter(({ fault }) => fault !== null)
  expect(refused.length).toBeGreaterThanOrEqual(2)
  for (const { fault, visible } of refused) {
    expect(visible).toBe(false)
    expect(fault?.code).toBe('VEL_ERR_NOT_WRITTEN')
    expect(fault?.message).toMatch(/could not be written and nothing was changed \(.*EFBIG.*\); try again in 60 s/)
  }
  limitFiles(child, 'unlimited')
  expect(await change('Q106')).toMatchObject({ fault: null, visible: true })
  child.kill('SIGKILL')
  await once(child, 'exit')
  const again = await openSmall(dir, { writable: false })
  onTestFinished(again.close)
  const kept = ['Q101', 'Q106', ...outcomes.filter(({ fault }) => fault === null).map(({ id }) => id!)]
  for (const id of kept) expect(again.view().entity(id)).toBeDefined()
  for (const { id } of refused) expect(again.view().entity(id!)).toBeUndefined()
  expect(again.said).toEqual([])
})

test('in a folder that may not be written, an index can be opened only for reading, and the error says why', async () => {
  const dir = await writeSmallIndex()
  const parent = dirname(dir)
  await chmod(parent, 0o555)
  onTestFinished(async () => { await chmod(parent, 0o755) })
  // Root may write everywhere: run as nobody instead.
  const uid = process.getuid!() === 0 ? 65534 : undefined
  const { mode } = await stat(tmpdir())
  if ((mode & 0o001) === 0) await chmod(tmpdir(), 0o711)
  const { opened } = await startChanger(dir, true, uid)
  expect(opened.fault?.code).toBe('VEL_ERR_INDEX')
  expect(opened.fault?.message).toMatch(/expected a place that can be written, received no permission to write there \(EACCES.*\)/)
  expect(opened.fault?.message).toMatch(/choose a folder that you may write, or change its permissions; an index that was there is unt/)
  const reader = await startChanger(dir, false, uid)
  expect(reader.opened.fault).toBeNull()
  const { fault } = await reader.change('Q101')
  expect(fault?.code).toBe('VEL_ERR_NOT_WRITTEN')
  expect(fault?.message).toMatch(/this process reads the index only/)
  expect(await readdir(parent)).toEqual(['index'])
})

test('a compaction that fails is logged once and not retried with every change', async () => {
  const dir = await writeSmallIndex()
  let opens = 0
  const open = async (): Promise<IndexedKnowledgeBase> => {
    if (opens++ > 0) throw new Error('no space left')
    return await openIndex(dir, {})
  }
  const live = await openSmall(dir, { compactFrom: 2, open })
  onTestFinished(live.close)
  for (const id of ['Q91', 'Q92', 'Q93']) await live.change(put(id))
  await expect.poll(() => live.said.length, { timeout: 20_000 }).toBe(1)
  for (const id of ['Q94', 'Q95']) await live.change(put(id))
  await expect(live.reload()).rejects.toThrow(/no space left/)
  expect(live.said).toEqual([expect.stringMatching(/the changes stay in the log alone: .*no space left/)])
  expect(opens).toBe(3)
  expect(live.view().entity('Q95')).toBeDefined()
})
