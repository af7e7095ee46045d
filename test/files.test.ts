// Files written at once or not at all, hashed, and system errors as sentences.
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { diskError, sha256, sha256File, writeAtomic } from '../src/files.ts'

async function temporaryFolder (): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'vel-files-'))
  onTestFinished(async () => { await rm(folder, { recursive: true, force: true }) })
  return folder
}

test.each([
  ['text', 'é', Buffer.from('é')],
  ['bytes', new Uint8Array([1, 2]), Buffer.from([1, 2])],
  ['chunks', ['a', new Uint8Array([98])], Buffer.from('ab')]
])('writeAtomic replaces a file by %s', async (_name, data, expected) => {
  const folder = await temporaryFolder()
  await writeFile(join(folder, 'file'), 'old content')
  await writeAtomic(join(folder, 'file'), data)
  expect(await readFile(join(folder, 'file'))).toEqual(expected)
  expect(await readdir(folder)).toEqual(['file'])
})

test('writeAtomic that fails leaves the old file and nothing else', async () => {
  const folder = await temporaryFolder()
  const path = join(folder, 'file')
  await writeFile(path, 'old')
  function * failing (): Generator<string> {
    yield 'new'
    throw new Error('cut')
  }
  await expect(writeAtomic(path, failing())).rejects.toThrow('cut')
  expect(await readFile(path, 'utf8')).toBe('old')
  await mkdir(join(folder, 'folder'))
  await expect(writeAtomic(join(folder, 'folder'), 'x')).rejects.toThrow(/EISDIR|EEXIST|ENOTEMPTY|EPERM/)
  expect((await readdir(folder)).sort()).toEqual(['file', 'folder'])
})

test('writers of one file at a time do not disturb each other', async () => {
  const path = join(await temporaryFolder(), 'file')
  const contents = Array.from({ length: 20 }, (_, i) => String(i).repeat(10_000))
  await Promise.all(contents.map(async content => { await writeAtomic(path, content) }))
  expect(contents).toContain(await readFile(path, 'utf8'))
})

test('sha256File is sha256 of the content, and stops', async () => {
  const path = join(await temporaryFolder(), 'file')
  const content = Buffer.alloc(3_000_000, 7)
  await writeFile(path, content)
  expect(await sha256File(path)).toBe(sha256(content))
  expect(sha256('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  await expect(sha256File(path, AbortSignal.abort())).rejects.toThrow(/abort/)
})

test('diskError is for errors of the disk alone', async () => {
  const path = join(await temporaryFolder(), 'file')
  await writeFile(path, '')
  const error: unknown = await writeAtomic(join(path, 'inside'), '').catch((error: unknown) => error)
  expect(diskError(error)).toMatch(/^a file where a folder should be \(ENOTDIR: .*\); choose a path whose parents are folders$/)
  expect(diskError(Object.assign(new Error('cut'), { code: 'ECONNRESET' }))).toBeNull()
  expect(diskError(new Error('other'))).toBeNull()
})
