import { open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { stamp, type Change } from '../../../src/kb/live/change.ts'
import { openWal, readWal } from '../../../src/kb/live/wal.ts'
import { temporaryFolder } from '../../helpers/build-small-index.ts'
import { put } from '../../helpers/open-live-index.ts'

test('what is appended after a rewrite whose last flush failed is in the log', async () => {
  const path = join(await temporaryFolder(), 'index.changes')
  const log = await openWal(path, { changes: [], end: 0, torn: 0 })
  onTestFinished(log.close)
  const [first, second] = [stamp(put('Q1'), 0), stamp(put('Q2'), 0)] as [Change, Change]
  await log.append([first])
  const probe = await open(path)
  const handles = Object.getPrototypeOf(probe) as FileHandle
  await probe.close()
  const sync = vi.spyOn(handles, 'sync')
  onTestFinished(() => { sync.mockRestore() })
  sync.mockResolvedValueOnce().mockRejectedValueOnce(new Error('EIO: i/o error, fsync'))
  await expect(log.rewrite(() => [first])).rejects.toThrow('EIO')
  await log.append([second])
  expect((await readWal(path)).changes).toEqual([first, second])
})
