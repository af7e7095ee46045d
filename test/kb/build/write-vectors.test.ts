import { open, readFile, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { encodeTable } from '../../../src/kb/search/vector-table.ts'
import { writeVectors } from '../../../src/kb/build/write-index.ts'
import { DIMS, seededVectors, temporaryFolder } from '../../helpers/build-small-index.ts'

test('a disk that takes less than it is given at a time gets everything, scales too', async () => {
  const path = join(await temporaryFolder(), 'face.vectors')
  const vectors = seededVectors(20)
  const probe = await open(path, 'w')
  const handles = Object.getPrototypeOf(probe) as { write: (bytes: Uint8Array, offset: number, length: number, position: number) => ReturnType<FileHandle['write']> }
  await probe.close()
  const { write } = handles
  const spied = vi.spyOn(handles, 'write').mockImplementation(async function (this: FileHandle, bytes, offset, length, position) { return await write.call(this, bytes, offset, Math.ceil(length / 2), position) })
  onTestFinished(() => { spied.mockRestore() })
  await writeVectors(path, 'int8', vectors.length, DIMS, (async function * () { yield * vectors })())
  expect(await readFile(path)).toEqual(Buffer.from(encodeTable('int8', vectors, DIMS).bytes))
})
