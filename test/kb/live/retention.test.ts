import { access, mkdir, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { stamp, type Change, type ChangeDraft } from '../../../src/kb/changes/change.ts'
import { walPath } from '../../../src/kb/changes/open-changes.ts'
import { readWal } from '../../../src/kb/changes/wal-format.ts'
import { cleanReport } from '../../../src/kb/live/clean-report.ts'
import { TOMBSTONE_DAYS } from '../../../src/kb/live/tombstones.ts'
import { toBase64 } from '../../../src/math/vector.ts'
import {
  addImage, block, deleteImage, imageOf, openSmall, put, remove, unblock, vectors, writeSmallIndex
} from '../../helpers/open-live-index.ts'

const DAY_MS = 86_400_000
const old = (draft: ChangeDraft): Change => ({ ...stamp(draft, 0), at: Date.now() - (TOMBSTONE_DAYS + 1) * DAY_MS })
const there = async (path: string): Promise<boolean> => await access(path).then(() => true, () => false)

test('G3: an old deletion is forgotten by a compaction, a block and a young deletion never', async () => {
  const dir = await writeSmallIndex()
  const live = await openSmall(dir)
  onTestFinished(live.close)
  const young = stamp(remove('Q3'), 0)
  const kept = [young, old(block('Q5')), old(put('Q6'))]
  await live.receive([old(remove('Q1')), old(deleteImage('Q2', 2)), ...kept])
  expect(live.view().entity('Q1')).toBeUndefined()
  await live.compact()
  expect([...live.changes()].map(({ id }) => id).sort()).toEqual(kept.map(({ id }) => id).sort())
  expect((await readWal(walPath(dir))).changes).toHaveLength(3)
  expect(live.view().entity('Q1')).toBeUndefined()
  expect([...live.view().blocked]).toEqual(['Q5'])
  // Another server that still has the deletion does not bring it back.
  await live.receive([old(remove('Q1')), old(unblock('Q77'))])
  expect([...live.changes()]).toHaveLength(3)
  // It counts where there is still something to delete.
  await live.receive([old(remove('Q4'))])
  expect(live.view().entity('Q4')).toBeUndefined()
})

test('G3: a deletion before a restart is erased after it, and an interrupted swap leaves no old index', async () => {
  const dir = await writeSmallIndex()
  const first = await openSmall(dir)
  await first.change(remove('Q1'))
  await first.close()
  const oldFolder = join(dirname(dir), '.index.old')
  await mkdir(oldFolder)
  const live = await openSmall(dir, { eraseAfterMs: 50 })
  onTestFinished(live.close)
  await expect.poll(() => live.view().base.entity('Q1'), { timeout: 10_000 }).toBeUndefined()
  await expect.poll(async () => await there(oldFolder)).toBe(false)
})

test('G3: without a deletion nothing is compacted; an old rest of the log and of a build is removed, a young one is kept', async () => {
  const dir = await writeSmallIndex()
  const torn = `${walPath(dir)}.torn`
  const work = join(dirname(dir), '.index.work')
  for (const path of [torn, work]) await writeFile(path, 'x')
  let live = await openSmall(dir, { eraseAfterMs: 1 })
  await live.change(put('Q99'))
  await new Promise(resolve => setTimeout(resolve, 300))
  expect(live.view().base.entity('Q99')).toBeUndefined()
  expect([await there(torn), await there(work)]).toEqual([true, true])
  await live.close()
  const then = new Date(Date.now() - 31 * DAY_MS)
  await utimes(torn, then, then)
  live = await openSmall(dir, { eraseAfterMs: 1 })
  onTestFinished(live.close)
  await expect.poll(async () => await there(torn), { timeout: 10_000 }).toBe(false)
  expect(await there(work)).toBe(true)
})

test('G3: a report loses what it says of people and photos that are gone', () => {
  const report = {
    entities: 3,
    photoProblems: [{ id: 'Q1', photo: 'a.jpg' }, { id: 'Q2', photo: 'photos/Q1.jpg' }, { id: 'Q2', photo: 'b.jpg' }],
    severalFaces: [{ id: 'Q2', photo: 'c.jpg' }, { id: 'Q3', photo: 'd.jpg' }],
    brokenLines: [{ file: 'x', line: 1, problem: 'expected JSON, received Unexpected token, "{name: Ursula" is not valid' }],
    mergedLines: [{ file: 'x', line: 2, problem: 'Q1 came before' }],
    alike: { from: 0.7, pairs: [{ ids: ['Q2', 'Q3'] }, { ids: ['Q3', 'Q4'] }] }
  }
  expect(cleanReport(report, id => id !== 'Q1', new Set(['Q2']))).toEqual({
    entities: 3,
    photoProblems: [{ id: 'Q2', photo: 'b.jpg' }],
    severalFaces: [{ id: 'Q3', photo: 'd.jpg' }],
    brokenLines: [{ file: 'x', line: 1, problem: 'expected JSON' }],
    mergedLines: [],
    alike: { from: 0.7, pairs: [{ ids: ['Q3', 'Q4'] }] }
  })
  for (const odd of [null, 'text', 7, [], {}]) expect(cleanReport(odd, () => true, new Set())).toEqual(odd)
})

const added = (face: Float32Array, i = 30): Change => ({ ...stamp(addImage('Q1', i), 0), face: toBase64(face) } as Change)

test.each([
  ['too short', added(vectors[30]!.subarray(1))],
  ['too long', added(Float32Array.of(...vectors[30]!, 0))],
  ['empty', added(new Float32Array(0))],
  ['of length 2', added(vectors[30]!.map(x => 2 * x))],
  ['of zeros', added(new Float32Array(32))],
  ['with NaN', added(vectors[30]!.with(3, NaN))],
  ['with infinity', added(vectors[30]!.with(3, Infinity))],
  ['cut within a number', { ...added(vectors[30]!), face: toBase64(vectors[30]!).slice(0, -4) } as Change],
  ['of another encoder and not of length 1', { ...added(vectors[30]!.map(x => 2 * x)), recipe: 'c'.repeat(64) } as Change],
  ['of the text of another person', { ...stamp(put('Q1'), 0), record: { id: 'Q2', name: 'x', description: '', aliases: [] } } as Change],
  ['of a text, not of length 1', {
    ...stamp(put('Q1'), 0), texts: { name: { vector: toBase64(Float32Array.of(1, 1)), recipe: 'c'.repeat(64) } }
  } as Change]
])('a change of another server with a vector %s is left out with a warning, and the next is taken', async (_what, bad) => {
  const dir = await writeSmallIndex()
  const live = await openSmall(dir)
  onTestFinished(live.close)
  const good = added(vectors[31]!, 31)
  await live.receive([bad, good])
  expect([...live.changes()]).toEqual([good])
  expect(live.said).toEqual([expect.stringMatching(/^1 changes of other servers were left out: their vectors/)])
  expect(live.view().images('Q1')).toContain(imageOf(31))
  await live.view().search('face', vectors[30]!, 3)
})
