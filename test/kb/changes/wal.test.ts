import { appendFile, open, readFile, rename, rm, stat, writeFile, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { stamp, type Change } from '../../../src/kb/changes/change.ts'
import { openWal, type Wal } from '../../../src/kb/changes/wal.ts'
import { readWal } from '../../../src/kb/changes/wal-format.ts'
import { withChecksum } from '../../../src/kb/storage/jsonl.ts'
import { temporaryFolder } from '../../helpers/build-small-index.ts'
import { put } from '../../helpers/open-live-index.ts'

interface OpenedWal extends Wal {
  readonly path: string
  readonly kept: Change[]
  readonly warnings: string[]
  /** Loses the lock. */
  readonly lose: () => void
  /** Appends a change of entity `id`. */
  readonly add: (id: string) => Promise<Change>
}

/** A log whose acknowledged changes are `kept`. */
async function openLog (path?: string): Promise<OpenedWal> {
  path ??= join(await temporaryFolder(), 'index.changes')
  const lost = new AbortController()
  const warnings: string[] = []
  const content = await readWal(path)
  const kept = [...content.changes]
  const wal = await openWal(path, content, { effective: () => kept, lost: lost.signal, warn: sentence => { warnings.push(sentence) } })
  onTestFinished(async () => { await wal.close().catch(() => {}) })
  const add = async (id: string): Promise<Change> => {
    const one = stamp(put(id), 0)
    await wal.append([one])
    kept.push(one)
    return one
  }
  return { ...wal, path, kept, warnings, lose: () => { lost.abort() }, add }
}

/** Matches the sentence of VEL_ERR_NOT_WRITTEN with `reason`. */
const refusal = ({ source }: RegExp): RegExp => new RegExp(`could not be written and nothing was changed \\(.*${source}.*\\)`)

const changesIn = async (path: string): Promise<readonly Change[]> => (await readWal(path)).changes

test('what is appended after a rewrite whose last flush failed is in the log', async () => {
  const log = await openLog()
  const first = await log.add('Q1')
  const probe = await open(log.path)
  const handles = Object.getPrototypeOf(probe) as FileHandle
  await probe.close()
  const sync = vi.spyOn(handles, 'sync')
  onTestFinished(() => { sync.mockRestore() })
  sync.mockResolvedValueOnce().mockRejectedValueOnce(new Error('EIO: i/o error, fsync'))
  await expect(log.rewrite()).rejects.toThrow('EIO')
  const second = await log.add('Q2')
  expect(await changesIn(log.path)).toEqual([first, second])
})

test('changes that join the flush before a rewrite that waits are in the log after it', async () => {
  const log = await openLog()
  const first = [log.add('Q1'), log.add('Q2')]
  // Q1 and Q2 are being written; the turn of Q2 comes next, then the rewrite, then the turns of Q3 and Q4.
  const rewritten = log.rewrite()
  const second = [log.add('Q3'), log.add('Q4')]
  const all = await Promise.all([...first, ...second])
  await rewritten
  expect(await changesIn(log.path)).toEqual(all)
  const last = await log.add('Q5')
  expect(await changesIn(log.path)).toEqual([...all, last])
})

test('a log of format 1 is replayed, and goes on in format 3', async () => {
  const path = join(await temporaryFolder(), 'index.changes')
  const [first, second] = [stamp(put('Q1'), 0), stamp(put('Q2'), 0)]
  await writeFile(path, withChecksum({ log: 'changes', formatVersion: 1 }) + withChecksum([first]) + withChecksum([second]))
  const log = await openLog(path)
  expect(log.kept).toEqual([first, second])
  const third = await log.add('Q3')
  expect(await readWal(path)).toMatchObject({ formatVersion: 3, changes: [first, second, third], torn: 0 })
})

test('A6: three damaged lines at the end are kept beside the log, with a warning', async () => {
  const { path, add, close } = await openLog()
  const first = await add('Q1')
  const { size } = await stat(path)
  for (const id of ['Q2', 'Q3', 'Q4']) await add(id)
  await close()
  const lines = (await readFile(path, 'utf8')).split('\n')
  const damaged = lines.map((line, i) => i < 2 ? line : line.replace('Live', 'Dead')).join('\n')
  await writeFile(path, damaged)
  const again = await openLog(path)
  expect(again.kept).toEqual([first])
  expect(again.warnings).toHaveLength(1)
  expect(again.warnings[0]).toMatch(/is kept in .*\.changes\.torn: line 3 was damaged after it was written; .*restore the log/)
  expect(await readFile(`${path}.torn`, 'utf8')).toBe(damaged.slice(size))
  const next = await again.add('Q5')
  expect(await changesIn(path)).toEqual([first, next])
})

test.each([
  ['one line', 'hello'],
  ['lines', 'hello\nworld\n'],
  ['an empty line', '\n']
])('A6: a file of other text (%s) is refused and left as it is', async (_case, text) => {
  const path = join(await temporaryFolder(), 'index.changes')
  await writeFile(path, text)
  await expect(openLog(path)).rejects.toMatchObject({ code: 'VEL_ERR_INDEX' })
  expect(await readFile(path, 'utf8')).toBe(text)
})

test('A6: a line that is lost or moved is noticed', async () => {
  const { path, add, close } = await openLog()
  for (const id of ['Q1', 'Q2', 'Q3']) await add(id)
  await close()
  const [header, one, two, three] = (await readFile(path, 'utf8')).split('\n') as [string, string, string, string]
  await writeFile(path, [header, one, three, ''].join('\n'))
  await expect(readWal(path)).rejects.toThrow(/whose line 2 was changed or lost/)
  await writeFile(path, [header, two, one, three, ''].join('\n'))
  await expect(readWal(path)).rejects.toThrow(/was changed or lost/)
})

test('a header that a crash cut is written again', async () => {
  const path = join(await temporaryFolder(), 'index.changes')
  await writeFile(path, withChecksum({ log: 'changes', formatVersion: 2 }).slice(0, 20))
  const log = await openLog(path)
  const first = await log.add('Q1')
  expect(await changesIn(path)).toEqual([first])
})

test('A7: a change that could not be read back is refused, and the next one is taken', async () => {
  const log = await openLog()
  const poisoned = { ...stamp(put('Q1'), 0), at: 2 ** 53 }
  await expect(log.append([poisoned])).rejects.toThrow(refusal(/put of Q1 could not be read back: at/))
  const next = await log.add('Q2')
  expect(await changesIn(log.path)).toEqual([next])
})

test.each<[string, (path: string) => Promise<void>, string | null]>([
  ['deleted', async path => { await rm(path) }, null],
  ['moved', async path => { await rename(path, `${path}.moved`) }, null],
  ['replaced', async path => { await rm(path); await writeFile(path, 'restored') }, 'restored'],
  ['appended to', async path => { await appendFile(path, 'more\n') }, 'more\n']
])('A8: a change is not acknowledged where the log was %s, and the next one finds all of them', async (_case, harm, foreign) => {
  const log = await openLog()
  const first = await log.add('Q1')
  await harm(log.path)
  await expect(log.add('Q2')).rejects.toThrow(refusal(/was deleted, moved or changed by another program/))
  expect(await changesIn(log.path)).toEqual([first])
  const third = await log.add('Q3')
  expect(await changesIn(log.path)).toEqual([first, third])
  if (foreign !== null) expect((await readFile(`${log.path}.torn`, 'utf8')).startsWith(foreign)).toBe(true)
})

test('A8: a log that cannot be written again at once is written with the next change', async () => {
  const log = await openLog()
  const first = await log.add('Q1')
  const folder = join(log.path, '..')
  await rename(folder, `${folder}.away`)
  onTestFinished(async () => { await rm(folder, { recursive: true, force: true }) })
  await expect(log.add('Q2')).rejects.toMatchObject({ code: 'VEL_ERR_NOT_WRITTEN' })
  await expect(log.add('Q3')).rejects.toMatchObject({ code: 'VEL_ERR_NOT_WRITTEN' })
  expect(log.warnings[0]).toMatch(/could not be written again: ENOENT/)
  await rename(`${folder}.away`, folder)
  const fourth = await log.add('Q4')
  expect(await changesIn(log.path)).toEqual([first, fourth])
})

test('nothing is written once the lock is lost, or the log is closed', async () => {
  const log = await openLog()
  const first = await log.add('Q1')
  log.lose()
  await expect(log.add('Q2')).rejects.toThrow(refusal(/lost the lock/))
  await expect(log.rewrite()).rejects.toMatchObject({ code: 'VEL_ERR_NOT_WRITTEN' })
  expect(await changesIn(log.path)).toEqual([first])
  const closed = await openLog()
  await closed.close()
  await expect(closed.add('Q1')).rejects.toMatchObject({ code: 'VEL_ERR_NOT_WRITTEN' })
})
