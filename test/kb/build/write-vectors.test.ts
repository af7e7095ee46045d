import { open, readFile, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { encodeTable } from '../../../src/kb/search/vector-table.ts'
import { writeVectors } from '../../../src/kb/build/write-index.ts'
import { DIMS, seededVectors, temporaryFolder } from '../../helpers/build-small-index.ts'

test('short writes are continued, also of scales', async () => {
  const path = join(await temporaryFolder(), 'face.vectors')
  const vectors = seededVectors(20)
  const probe = await open(path, 'w')
  type Write = (bytes: Uint8Array, offset: number, length: number, position: number) => ReturnType<FileHandle['write']>
  const handles = Object.getPrototypeOf(probe) as { write: Write }
  await probe.close()
  const { write } = handles
  const spied = vi.spyOn(handles, 'write').mockImplementation(async function (this: FileHandle, bytes, offset, length, position) {
    return await write.call(this, bytes, offset, Math.ceil(length / 2), position)
  })
  onTestFinished(() => { spied.mockRestore() })
  await writeVectors(path, 'int8', vectors.length, DIMS, (async function * () { yield * vectors })())
  expect(await readFile(path)).toEqual(Buffer.from(encodeTable('int8', vectors, DIMS).bytes))
})
