import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, rmdir, stat, utimes, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { acquireIndexLock, withLock } from '../../../src/kb/storage/lock.ts'
import { temporaryFolder } from '../../helpers/build-small-index.ts'

/** Program of a separate process that holds the lock until it is killed. */
const HOLDER = `const { lock } = require(${JSON.stringify(createRequire(import.meta.url).resolve('proper-lockfile'))})
  setInterval(() => {}, 1000)
  lock(process.argv[1], { realpath: false, lockfilePath: process.argv[1], stale: 5000 }).then(() => { process.stdout.write('held') })`

async function pathOfLock (): Promise<{ folder: string, path: string }> {
  const folder = await temporaryFolder()
  return { folder, path: join(folder, '.index.changes.lock') }
}

/** @returns how long it took to take the lock and release it, ms. */
async function take (path: string): Promise<number> {
  const start = performance.now()
  await withLock('index', path, async () => {})
  return performance.now() - start
}

/** As versions before wrote it. */
const oldLock = (pid: number): string => JSON.stringify({ pid, host: hostname(), token: 'T', started: 1 })

test('A4: a lock that a killed process left is taken over after at most about 6 s', async () => {
  const { folder, path } = await pathOfLock()
  const child = spawn(process.execPath, ['-e', HOLDER, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => { child.kill('SIGKILL') })
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(await readdir(folder)).toEqual(['.index.changes.lock'])
  expect(await take(path)).toBeLessThan(8000)
  expect(await readdir(folder)).toEqual([])
})

test('A4: a lock file of a version before with a claim beside it does not stand in the way', async () => {
  const { folder, path } = await pathOfLock()
  await writeFile(path, oldLock(4_000_000))
  await writeFile(`${path}.T`, '')
  await utimes(path, 0, 0)
  expect(await take(path)).toBeLessThan(4000)
  expect(await readdir(folder)).toEqual([])
})

test('A5: a lock file that names a living process, but is not refreshed, is taken over', async () => {
  const { folder, path } = await pathOfLock()
  await writeFile(path, oldLock(process.ppid))
  await utimes(path, 0, 0)
  expect(await take(path)).toBeLessThan(4000)
  expect(await readdir(folder)).toEqual([])
})

test('A5: an empty lock file is taken over once it is not refreshed for 5 s', async () => {
  const { folder, path } = await pathOfLock()
  await writeFile(path, '')
  const ms = await take(path)
  expect(ms).toBeGreaterThan(3000)
  expect(ms).toBeLessThan(8000)
  expect(await readdir(folder)).toEqual([])
})

test('a lock that is refreshed is waited for, then refused with its file, its age and what to do', async () => {
  const { path } = await pathOfLock()
  const { release } = await acquireIndexLock('index', path)
  onTestFinished(release)
  const start = performance.now()
  const held = `expected to be the only one that writes it, received a lock of another process: ${path}, last refreshed at \\d{4}-.*Z`
  const advice = 'stop that process or wait for it; a lock that is not refreshed for 5 s is taken over'
  await expect(acquireIndexLock('index', path)).rejects.toThrow(new RegExp(`${held}; ${advice}`))
  expect(performance.now() - start).toBeGreaterThan(6000)
  // Refreshed meanwhile.
  expect(Date.now() - (await stat(path)).mtimeMs).toBeLessThan(4000)
})

test('a lock that is released while another process waits for it is taken at once', async () => {
  const { path } = await pathOfLock()
  const { release } = await acquireIndexLock('index', path)
  const taken = take(path)
  await delay(600)
  await release()
  expect(await taken).toBeLessThan(4000)
})

test('a process that loses its lock is notified, and leaves the lock of the next one', async () => {
  const { folder, path } = await pathOfLock()
  const { lost, release } = await acquireIndexLock('index', path)
  await rmdir(path)
  await mkdir(path)
  await expect.poll(() => lost.aborted, { timeout: 5000 }).toBe(true)
  await release()
  expect(await readdir(folder)).toEqual(['.index.changes.lock'])
  await rmdir(path)
  const work = withLock('index', path, async () => {
    await rmdir(path)
    await delay(4000)
  })
  await expect(work).rejects.toThrow(/another process that took over .* meanwhile; check the index/)
})
