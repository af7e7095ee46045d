import { readFile, writeFile } from 'node:fs/promises'
import { expect, onTestFinished, test } from 'vitest'
import { stamp } from '../../../src/kb/changes/change.ts'
import { createChangeSet } from '../../../src/kb/changes/change-set.ts'
import { walPath } from '../../../src/kb/changes/open-changes.ts'
import { readWal } from '../../../src/kb/changes/wal-format.ts'
import { withChecksum } from '../../../src/kb/storage/jsonl.ts'
import { updateManifest } from '../../../src/kb/storage/update-manifest.ts'
import { addImage, block, nearest, openSmall, put, remove, unblock, writeSmallIndex } from '../../helpers/open-live-index.ts'

const blockedIn = (live: Awaited<ReturnType<typeof openSmall>>): string[] => [...live.view().blocked].sort()

test('a block is kept through restarts, reloads, compactions, calibrations and rebuilds, and changes the version', async () => {
  const dir = await writeSmallIndex()
  let live = await openSmall(dir)
  const { version } = live.view().info
  await live.change(block('Q1'))
  expect(live.view().info.version).not.toBe(version)
  const kept = (): void => { expect(blockedIn(live)).toEqual(['Q1', 'Q900']) }
  // Not in the index yet.
  await live.change(block('Q900'))
  kept()
  await live.reload()
  kept()
  await live.compact()
  kept()
  await updateManifest(dir, { decision: { threshold: 0.7, ambiguousMargin: 0.05, measuredOn: 'this test' } })
  await live.reload()
  kept()
  await live.close()
  await writeSmallIndex(dir)
  live = await openSmall(dir)
  kept()
  // The face stays in the index, so that nobody else takes its place.
  expect(await nearest(live, 0)).toBe('Q1')
  await live.change(unblock('Q1'))
  expect(blockedIn(live)).toEqual(['Q900'])
  await live.close()
  live = await openSmall(dir)
  onTestFinished(live.close)
  expect(blockedIn(live)).toEqual(['Q900'])
})

test('blocks are ordered like other changes, in whatever order they arrive', () => {
  const [first, second] = [stamp(block('Q1'), 0), stamp(unblock('Q1'), Date.now() + 5)]
  for (const order of [[first, second], [second, first], [second, first, first, second]]) {
    const changes = createChangeSet()
    order.forEach(changes.apply)
    expect(changes.blocked().size).toBe(0)
    expect([...changes.effective()]).toEqual([second])
  }
})

test('neither a deletion nor putting the person again takes a block away', async () => {
  const live = await openSmall(await writeSmallIndex())
  onTestFinished(live.close)
  for (const draft of [block('Q1'), remove('Q1'), put('Q1'), addImage('Q1', 30)]) await live.change(draft)
  expect(blockedIn(live)).toEqual(['Q1'])
  await live.compact()
  expect(blockedIn(live)).toEqual(['Q1'])
})

test('a log of format 2, which knows no blocks, is read and goes on in format 3', async () => {
  const dir = await writeSmallIndex()
  const first = stamp(put('Q99'), 0)
  const head = withChecksum({ log: 'changes', formatVersion: 2 })
  await writeFile(walPath(dir), head + withChecksum({ after: head.slice(0, 8), changes: [first] }))
  const live = await openSmall(dir)
  expect(live.view().entity('Q99')?.name).toBe('Live Q99')
  await live.change(block('Q99'))
  await live.close()
  expect(await readWal(walPath(dir))).toMatchObject({ formatVersion: 3, changes: [first, { kind: 'block', entity: 'Q99' }] })
  expect(await readFile(walPath(dir), 'utf8')).not.toContain('"formatVersion":2')
})
