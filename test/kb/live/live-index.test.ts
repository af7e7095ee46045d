import { cp, mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { expect, onTestFinished, test } from 'vitest'
import { stamp } from '../../../src/kb/changes/change.ts'
import { createChangeSet } from '../../../src/kb/changes/change-set.ts'
import { walPath } from '../../../src/kb/changes/open-changes.ts'
import { withChecksum } from '../../../src/kb/storage/jsonl.ts'
import { updateManifest } from '../../../src/kb/storage/update-manifest.ts'
import { writeIndex } from '../../../src/kb/build/write-index.ts'
import { content, seededEntities, seededVectors } from '../../helpers/build-small-index.ts'
import { addImage, deleteImage, imageOf, nearest, openSmall, put, remove, vectors, writeSmallIndex } from '../../helpers/open-live-index.ts'

test('a change is seen by the next search, changes the version, and outlives a restart', async () => {
  const dir = await writeSmallIndex()
  const live = await openSmall(dir)
  const { info } = live.view()
  await live.change(put('Q99', 'Müller'))
  await live.change(addImage('Q99', 30))
  await live.change(put('Q1', 'Renamed'))
  expect(await nearest(live, 30)).toBe('Q99')
  expect(await nearest(live, 0)).toBe('Q1')
  expect(live.view().entity('Q1')!.name).toBe('Renamed')
  expect(live.view().info.entities).toBe(11)
  expect(live.view().info.version).toMatch(new RegExp(`^${info.version}\\+[0-9a-f]{12}$`))
  const { version } = live.view().info
  await live.close()
  const again = await openSmall(dir)
  onTestFinished(again.close)
  expect(again.view().info.version).toBe(version)
  expect(await nearest(again, 30)).toBe('Q99')
})

test('a view stays as it is when changes come', async () => {
  const live = await openSmall(await writeSmallIndex())
  onTestFinished(live.close)
  await live.use(async view => {
    const { version } = view.info
    await live.change(remove('Q1'))
    expect(view.info.version).toBe(version)
    expect(view.entity('Q1')).toBeDefined()
    expect((await view.search('face', vectors[0]!, 1))[0]!.entity.id).toBe('Q1')
  })
  expect(live.view().entity('Q1')).toBeUndefined()
})

test('as many are found as are asked for, however many are deleted', async () => {
  const live = await openSmall(await writeSmallIndex())
  onTestFinished(live.close)
  for (const id of ['Q1', 'Q2', 'Q3', 'Q4', 'Q5', 'Q6', 'Q7']) await live.change(remove(id))
  expect((await live.view().search('face', vectors[0]!, 3)).map(({ entity }) => entity.id).sort()).toEqual(['Q10', 'Q8', 'Q9'])
  expect((await live.view().search('face', vectors[0]!, 9)).length).toBe(3)
  const deleted = { id: 'Q1', name: '', description: '', aliases: [] }
  expect(await live.view().similarities('face', vectors[0]!, [deleted])).toEqual(new Float32Array([NaN]))
})

test('a photo of the index or of a change can be deleted; the entity keeps its others', async () => {
  const live = await openSmall(await writeSmallIndex())
  onTestFinished(live.close)
  await live.change(deleteImage('Q1', 0))
  await live.change(addImage('Q1', 31))
  expect(await nearest(live, 0)).toBeUndefined()
  expect(await nearest(live, 1)).toBe('Q1')
  expect(await nearest(live, 31)).toBe('Q1')
  await live.change(deleteImage('Q1', 31))
  expect(await nearest(live, 31)).toBeUndefined()
  expect(live.view().images('Q1')).toEqual([imageOf(1)])
})

test('what is deleted comes back by no restart, reload, compaction or rebuild; put again it has no old photos', async () => {
  const dir = await writeSmallIndex()
  let live = await openSmall(dir)
  await live.change(addImage('Q1', 30))
  await live.change(remove('Q1'))
  await live.change(deleteImage('Q2', 2))
  const gone = async (): Promise<void> => {
    for (const i of [0, 1, 2, 30]) expect(await nearest(live, i)).toBeUndefined()
    expect(await nearest(live, 3)).toBe('Q2')
  }
  await gone()
  await live.reload()
  await gone()
  await live.compact()
  expect(live.view().overlay.size).toBe(0)
  await gone()
  await live.close()
  live = await openSmall(dir)
  await gone()
  // A rebuild from the same input has them again: the log, which keeps deletions, hides them.
  await writeSmallIndex(dir)
  await live.reload()
  await gone()
  expect(live.view().entity('Q1')).toBeUndefined()
  await live.change(put('Q1'))
  expect(live.view().entity('Q1')!.name).toBe('Live Q1')
  await gone()
  await live.close()
})

test('a compacted index shows what index and changes showed, and additions outlive a rebuild', async () => {
  const dir = await writeSmallIndex()
  const live = await openSmall(dir)
  onTestFinished(live.close)
  await live.change(put('Q99'))
  await live.change(addImage('Q99', 30))
  await live.change(addImage('Q3', 31))
  await live.compact()
  expect(live.view().overlay.size).toBe(0)
  expect(await nearest(live, 30)).toBe('Q99')
  expect(live.view().images('Q3')).toEqual([imageOf(4), imageOf(5), imageOf(31)])
  expect(live.view().base.info.entities).toBe(11)
  await live.change(deleteImage('Q99', 30))
  expect(await nearest(live, 30)).toBeUndefined()
  await writeSmallIndex(dir)
  await live.reload()
  expect(await nearest(live, 31)).toBe('Q3')
  expect(live.view().entity('Q99')).toBeDefined()
})

test('a compaction keeps what was calibrated or built since the index was opened', async () => {
  const dir = await writeSmallIndex()
  const live = await openSmall(dir)
  onTestFinished(live.close)
  await live.change(put('Q99'))
  await live.change(addImage('Q99', 30))
  const decision = { threshold: 0.77, ambiguousMargin: 0.05, measuredOn: 'this test' }
  await updateManifest(dir, { decision })
  await live.compact()
  expect(live.view().decision).toEqual(decision)
  expect(await nearest(live, 30)).toBe('Q99')
  await live.change(put('Q98'))
  await writeIndex(dir, content(seededEntities(3), vectors, [0, 1, 2]))
  await live.compact()
  expect(live.view().base.entities.map(({ id }) => id).sort()).toEqual(['Q1', 'Q2', 'Q3', 'Q98', 'Q99'])
  expect(await nearest(live, 30)).toBe('Q99')
})

test('a compaction computes cohort means and searches for no duplicate faces', async () => {
  const dir = await writeSmallIndex()
  const faces = seededVectors(210)
  await writeIndex(dir, content(seededEntities(210), faces, [...faces.keys()]))
  const live = await openSmall(dir)
  onTestFinished(live.close)
  const stages = new Set<string>()
  await live.compact(stage => { stages.add(stage) })
  expect([...stages].sort()).toEqual(['cohort', 'vectors'])
})

test('two that received the same changes in another order write the same index', async () => {
  const drafts = [put('Q99'), put('Q98'), addImage('Q99', 30), addImage('Q98', 31), addImage('Q3', 33), addImage('Q3', 32)]
  const changes = drafts.map((draft, at) => ({ ...stamp(draft, 0), at }))
  const versions: string[] = []
  for (const order of [changes, changes.toReversed()]) {
    const live = await openSmall(await writeSmallIndex())
    onTestFinished(live.close)
    for (const one of order) await live.receive([one])
    await live.compact()
    versions.push(live.view().info.version)
  }
  expect(versions[0]).toBe(versions[1])
})

test('with many changes the index is compacted automatically', async () => {
  const live = await openSmall(await writeSmallIndex(), { compactFrom: 3 })
  onTestFinished(live.close)
  for (const id of ['Q91', 'Q92', 'Q93']) await live.change(put(id))
  await expect.poll(() => live.view().base.info.entities, { timeout: 20_000 }).toBe(13)
})

test('after a compaction the log holds no more of what was deleted', async () => {
  const dir = await writeSmallIndex()
  const live = await openSmall(dir)
  onTestFinished(live.close)
  await live.change(addImage('Q1', 30))
  await live.change(remove('Q1'))
  expect(await readFile(walPath(dir), 'utf8')).toContain('"face":')
  await live.compact()
  expect(await readFile(walPath(dir), 'utf8')).not.toContain('"face":')
  await live.change(put('Q1'))
  expect((await readFile(walPath(dir), 'utf8')).trim().split('\n').length).toBe(3)
})

test('changes have the same result in every order, applied once or twice', () => {
  let at = 0
  const beforeDeletion = [put('Q1', 'a'), addImage('Q1', 30), remove('Q1')]
  const afterDeletion = [put('Q1', 'b'), addImage('Q1', 31), deleteImage('Q1', 31), addImage('Q1', 32), addImage('Q2', 33)]
  const given = [...beforeDeletion, ...afterDeletion].map(draft => ({ ...stamp(draft, 0), at: at++ }))
  const digests = new Set<string>()
  for (let turn = 0; turn < 200; turn++) {
    const set = createChangeSet()
    const ranked = [...given, ...given].map((one, i) => ({ one, rank: (i * 7919 + turn * 104_729) % 1009 }))
    const shuffled = ranked.sort((a, b) => a.rank - b.rank)
    for (const { one } of shuffled) set.apply(one)
    digests.add(`${set.digest()} ${[...set.effective()].map(({ id }) => id).sort().join()}`)
  }
  expect(digests.size).toBe(1)
})

test('a torn tail is dropped with a warning; a damaged middle and a newer format are refused', async () => {
  const dir = await writeSmallIndex()
  let live = await openSmall(dir)
  await live.change(put('Q91'))
  await live.change(put('Q92'))
  await live.close()
  const path = walPath(dir)
  const whole = await readFile(path)
  await truncate(path, whole.length - 7)
  live = await openSmall(dir)
  expect(live.said).toEqual([expect.stringMatching(/dropped \d+ bytes after the last whole change/)])
  expect(live.view().entity('Q91')).toBeDefined()
  expect(live.view().entity('Q92')).toBeUndefined()
  await live.change(put('Q93'))
  await live.close()
  live = await openSmall(dir)
  expect(live.view().entity('Q93')).toBeDefined()
  await live.close()

  const damaged = Buffer.from(whole)
  damaged[Math.floor(whole.length / 2)]! ^= 1
  await writeFile(path, damaged)
  await expect(openSmall(dir)).rejects.toThrow(/expected a whole change log, received one whose line 2 was changed or lost; restore/)
  await writeFile(path, withChecksum({ log: 'changes', formatVersion: 4 }))
  await expect(openSmall(dir)).rejects.toThrow(/format version 3 or older, received 4; update this program/)
})

test('only one process may write; others read the same index and its changes', async () => {
  const dir = await writeSmallIndex()
  const live = await openSmall(dir)
  await live.change(put('Q91'))
  const held = /to be the only one that writes it, received a lock of another process: .*\.index\.changes\.lock, last refreshed at 2/
  await expect(openSmall(dir)).rejects.toThrow(held)
  const reader = await openSmall(dir, { writable: false })
  onTestFinished(reader.close)
  expect(reader.view().entity('Q91')).toBeDefined()
  await expect(reader.change(put('Q92'))).rejects.toMatchObject({ code: 'VEL_ERR_NOT_WRITTEN' })
  await live.change(remove('Q91'))
  await reader.reload()
  expect(reader.view().entity('Q91')).toBeUndefined()
  await live.close()
  await (await openSmall(dir)).close()
})

test('A7: a change dated in the far future is not taken in from others, and later ones outlive a restart', async () => {
  const dir = await writeSmallIndex()
  let live = await openSmall(dir)
  const future = { ...stamp(put('Q91'), 0), at: Number.MAX_SAFE_INTEGER }
  const soon = { ...stamp(put('Q93'), 0), at: Date.now() + 3_600_000 }
  await live.receive([future, stamp(put('Q92'), 0), soon])
  expect(live.said).toEqual([expect.stringMatching(/^1 changes of other servers were left out: they are dated more than a day ahead/)])
  await live.change(put('Q94'))
  await live.close()
  live = await openSmall(dir)
  onTestFinished(live.close)
  expect(['Q91', 'Q92', 'Q93', 'Q94'].map(id => live.view().entity(id) !== undefined)).toEqual([false, true, true, true])
})

test('A8: where the log is deleted while it serves, a change is refused once and none is lost', async () => {
  const dir = await writeSmallIndex()
  let live = await openSmall(dir)
  await live.change(put('Q91'))
  await rm(walPath(dir))
  await expect(live.change(put('Q92'))).rejects.toMatchObject({ code: 'VEL_ERR_NOT_WRITTEN' })
  expect(live.view().entity('Q92')).toBeUndefined()
  await live.change(put('Q93'))
  await live.close()
  live = await openSmall(dir)
  onTestFinished(live.close)
  expect(['Q91', 'Q92', 'Q93'].map(id => live.view().entity(id) !== undefined)).toEqual([true, false, true])
})

test('a reload that fails keeps the index before, and the error says why', async () => {
  const dir = await writeSmallIndex()
  const live = await openSmall(dir)
  onTestFinished(live.close)
  await cp(dir, `${dir}.copy`, { recursive: true })
  await truncate(`${dir}/face.vectors`, 10)
  await expect(live.reload()).rejects.toThrow(/the one before goes on serving: .*face.vectors of \d+ bytes, received 10 bytes/)
  await rm(dir, { recursive: true })
  await expect(live.reload()).rejects.toMatchObject({ code: 'VEL_ERR_RELOAD' })
  expect(await nearest(live, 0)).toBe('Q1')
  await live.change(put('Q91'))
  await cp(`${dir}.copy`, dir, { recursive: true })
  expect(await live.reload()).toMatchObject({ entities: 11 })
})

test('faces of another encoder are not searched, with a warning', async () => {
  const dir = await writeSmallIndex()
  let live = await openSmall(dir)
  await live.change(addImage('Q1', 30))
  await live.close()
  live = await openSmall(dir, { recipe: 'c'.repeat(64) })
  onTestFinished(live.close)
  expect(live.said).toEqual([expect.stringMatching(/^1 added photos were encoded by another model/)])
  expect(await nearest(live, 30)).toBeUndefined()
})

test('a log that cannot be read is reported in one sentence', async () => {
  const dir = await writeSmallIndex()
  await mkdir(walPath(dir))
  await expect(openSmall(dir)).rejects.toThrow(/expected a readable change log, received EISDIR.*; check its permissions/)
})
